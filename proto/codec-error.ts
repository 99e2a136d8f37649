// What can go wrong between values and bytes.

/**
 * `invalid-value`: the value does not fit its message type. `undecodable`: the bytes are not such a message.
 * `unknown-type`: a type URL that the generator's roots do not reach.
 */
export type CodecErrorCode = 'unknown-type' | 'invalid-value' | 'undecodable';

/** The one error class of this folder. */
export class CodecError extends Error {
  readonly code: CodecErrorCode;

  constructor(code: CodecErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'CodecError';
    this.code = code;
  }
}
