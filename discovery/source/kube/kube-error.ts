// What can go wrong between a source and an API server, as a closed set of codes. Answers of the API server and errors of the
// network are translated here, once.

export type KubeErrorCode =
  /** No connection, or it broke. */
  | 'unreachable'
  /** The connection stands and nothing comes. */
  | 'stalled'
  /** 401, also after the credentials were read again. */
  | 'unauthorized'
  /** 403. */
  | 'forbidden'
  /** 404: the resource is not served. */
  | 'absent'
  /** 409: it exists already, or it is no longer the version that was to be changed. */
  | 'conflict'
  /** 410: the resource version is no longer (or not yet) known, so everything must be listed again. */
  | 'expired'
  /** 429. */
  | 'throttled'
  /** The server does not know a parameter that was asked for. */
  | 'unsupported'
  /** An answer larger than what is accepted. */
  | 'too-large'
  /** An answer that is not what the API promises, e.g. half an object. */
  | 'malformed'
  /** Any other answer that is an error. */
  | 'server'
  /** A kubeconfig or token that can't be used. */
  | 'credentials';

export interface KubeErrorDetails {
  readonly retryAfterMs?: number | undefined;
  readonly cause?: unknown;
}

export class KubeError extends Error {
  override readonly name = 'KubeError';
  readonly code: KubeErrorCode;
  /** How long the server asked to be left alone. */
  readonly retryAfterMs: number | undefined;

  /** `message`: a sentence without a full stop. */
  constructor(code: KubeErrorCode, message: string, details: KubeErrorDetails = {}) {
    super(message, details.cause === undefined ? {} : { cause: details.cause });
    this.code = code;
    this.retryAfterMs = details.retryAfterMs;
  }
}

/** The error of a connection that could not be made or that broke. */
export function connectionError(error: unknown): KubeError {
  if (error instanceof KubeError) return error;
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const text = connectionTexts[code] ?? (code === '' ? String(error) : code);
  return new KubeError('unreachable', `the API server can't be reached: ${text}`, { cause: error });
}

const connectionTexts: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'the connection was refused',
  ECONNRESET: 'the connection was cut',
  EPIPE: 'the connection was cut',
  ETIMEDOUT: 'the connection timed out',
  EHOSTUNREACH: 'there is no route to it',
  ENETUNREACH: 'there is no route to it',
  ENOTFOUND: 'its name is unknown',
  EAI_AGAIN: 'its name could not be looked up',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is signed by itself and not trusted',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate is under a root that is not trusted',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate is under a root that is not trusted',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its certificate is under a root that is not trusted',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name',
};

/**
 * The error that an answer means.
 * @param status HTTP status, or the `code` of a `Status` object inside a watch.
 * @param message the `message` of the `Status` object, or empty.
 * @param retryAfter the header, in seconds or as a date.
 */
export function statusError(status: number, message: string, retryAfter?: string): KubeError {
  const said = message === '' ? '' : `: ${shorten(message)}`;
  const retryAfterMs = parseRetryAfter(retryAfter);
  const text = `the API server answered ${status}${said}`;
  if (message.includes('Too large resource version')) return new KubeError('expired', text, { retryAfterMs });
  if ((status === 422 || status === 400) && message.includes('sendInitialEvents'))
    return new KubeError('unsupported', text);
  return new KubeError(statusCodes[status] ?? 'server', text, { retryAfterMs });
}

const statusCodes: Readonly<Record<number, KubeErrorCode>> = {
  401: 'unauthorized',
  403: 'forbidden',
  404: 'absent',
  409: 'conflict',
  410: 'expired',
  429: 'throttled',
};

function parseRetryAfter(header: string | undefined): number | undefined {
  if (header === undefined) return undefined;
  if (/^\d{1,6}$/.test(header)) return Number(header) * 1000;
  const ms = Date.parse(header) - Date.now();
  return Number.isNaN(ms) ? undefined : Math.max(0, ms);
}

function shorten(message: string): string {
  const line = message.replaceAll(/\s+/g, ' ').trim();
  return line.length > 300 ? `${line.slice(0, 300)}…` : line;
}
