// The one error class of this folder. In: a code of the closed set and a sentence for the operator. Out: an Error that says what
// is wrong and, where it can, what to do.

export type AgentErrorCode =
  /** An option is missing, malformed or contradicts another. */
  | 'invalid-options'
  /** A file that was named (root certificate, token, key) can't be read or holds something else. */
  | 'unreadable-file'
  /** The certificate authority answered, and not with a certificate that can be used. */
  | 'certificate-refused'
  /** The certificate authority did not answer. */
  | 'authority-unreachable'
  /** The secret server can't listen on its socket. */
  | 'socket-unavailable'
  /** Envoy can't be started at all. */
  | 'envoy-not-startable'
  /** The packet filter refused the rules. */
  | 'interception-failed'
  /** A program of the system (iptables, ip) is not installed. */
  | 'program-missing'
  /** A test connection was not redirected. */
  | 'not-intercepted'
  /** Changing the packet filter needs rights that this process has not. */
  | 'not-permitted';

export class AgentError extends Error {
  readonly code: AgentErrorCode;

  constructor(code: AgentErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'AgentError';
    this.code = code;
  }
}

/** The words of anything that was thrown. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
