// What a client did wrong, and how far it reaches (RFC 9113, section 5.4).

import { errorCodes, type ErrorCode } from './frame-types.ts';

/** Ends the connection, or with `stream` only that stream. */
export interface Fault {
  readonly code: ErrorCode;
  /** For whoever reads the client's log. */
  readonly reason: string;
  readonly stream?: number;
}

export function protocolError(reason: string): Fault {
  return { code: errorCodes.protocolError, reason };
}

export function frameSizeError(reason: string): Fault {
  return { code: errorCodes.frameSizeError, reason };
}

export function flowControlError(reason: string): Fault {
  return { code: errorCodes.flowControlError, reason };
}

export function tooMuch(reason: string): Fault {
  return { code: errorCodes.enhanceYourCalm, reason };
}

/** Of one stream alone. */
export function streamFault(stream: number, code: ErrorCode, reason: string): Fault {
  return { code, reason, stream };
}
