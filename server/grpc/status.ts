// How a call ends, and how that is said in trailers.

/** https://grpc.github.io/grpc/core/md_doc_statuscodes.html, those that this server sends. */
export const statusNumbers = {
  OK: 0,
  CANCELLED: 1,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  UNAUTHENTICATED: 16,
} as const;

export type StatusCode = keyof typeof statusNumbers;

export interface GrpcStatus {
  readonly code: StatusCode;
  readonly message: string;
}

/** Header names and values of an HTTP/2 block that the server sends. */
export type SentHeaders = Readonly<Record<string, string | number>>;

export function trailersOf({ code, message }: GrpcStatus): SentHeaders {
  const number = { 'grpc-status': statusNumbers[code] };
  return message === '' ? number : { ...number, 'grpc-message': encodeStatusMessage(message) };
}

/** Longer ones, of nine bytes for a character, would not fit into one frame, and into what clients accept as trailers. */
const maxMessageChars = 1024;

/** "Status-Message → *( Percent-Byte-Unencoded / Percent-Byte-Encoded )": printable ASCII but for the percent sign stays. */
function encodeStatusMessage(message: string): string {
  return message
    .slice(0, maxMessageChars)
    .toWellFormed()
    .replace(/[^\u0020-\u0024\u0026-\u007e]+/gu, (text) =>
      [...new TextEncoder().encode(text)]
        .map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`)
        .join(''),
    );
}
