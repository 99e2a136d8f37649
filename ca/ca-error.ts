// The one error of the certificate authority. Functions here return it as a value (`T | CaError`), they do not throw
// it; the message is one sentence that may be shown to whoever asked, and `cause` keeps the foreign error, if any.

/** What went wrong, as a closed set: adapters turn a code into a status, people read the message. */
export type CaErrorCode =
  | 'csr-unreadable'
  | 'csr-bad-signature'
  | 'csr-weak-key'
  | 'csr-unsupported'
  | 'overloaded'
  | 'cancelled'
  | 'ca-expired'
  | 'signing-failed'
  | 'certificate-unreadable'
  | 'chain-untrusted'
  | 'no-credential'
  | 'credential-refused'
  | 'authentication-failed'
  | 'spiffe-id-invalid'
  | 'file-missing'
  | 'file-unreadable'
  | 'file-exists'
  | 'key-unsupported'
  | 'key-mismatch'
  | 'not-a-ca'
  | 'expired'
  | 'not-yet-valid'
  | 'chain-broken';

export class CaError extends Error {
  override readonly name = 'CaError';
  readonly code: CaErrorCode;

  constructor(code: CaErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}
