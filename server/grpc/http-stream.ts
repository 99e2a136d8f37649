// What a call needs of HTTP/2: one stream, on whichever implementation.

import type { GrpcStatus, SentHeaders } from './status.ts';

/** A certificate that the peer proved to have, with a chain to a root that the port trusts. */
export interface ClientCertificate {
  readonly der: Buffer;
  /** URI names among its alternative names. */
  readonly uris: readonly string[];
}

/** Who is on the other end of a connection. */
export interface ConnectionPeer {
  /** `ADDRESS:PORT` */
  readonly address: string;
  /** Undefined in plaintext, without a certificate, and for one that is not trusted (unknown root, expired). */
  readonly certificate: ClientCertificate | undefined;
}

/** Names are lower case; a header that came more than once is joined with commas, or a list. */
export type ReceivedHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

/** What is read of a stream. */
export interface StreamReader {
  readonly data: (chunk: Buffer) => void;
  /** The peer sends nothing more. */
  readonly ended: () => void;
}

export interface HttpStream {
  readonly peer: ConnectionPeer;
  readonly headers: ReceivedHeaders;
  /** Told once: nothing more goes either way, because both sides have ended, one gave up, or the connection is gone. */
  onClose(closed: () => void): void;
  /** Before it nothing is read, and the peer's flow-control window fills. */
  read(reader: StreamReader): void;
  /** Reads nothing, until `resume`. */
  pause(): void;
  resume(): void;
  /** The peer is told to open nothing more on the connection, which ends when its streams have. */
  leaveConnection(): void;
  respond(headers: SentHeaders): void;
  /**
   * Sends a gRPC message that is given in parts, one after the other; those that streams share are the same object for each.
   * `taken` is called, once and later, when the bytes are on their way to the peer.
   */
  write(message: readonly Uint8Array[], taken: () => void): void;
  /** Ends the answer behind all that was written. Without a `respond` before it, `trailers` are the only headers. */
  end(trailers: SentHeaders): void;
  /** Gives up what was not taken yet. */
  reset(): void;
}

/** Whoever took a stream. */
export interface OpenStream {
  /** Ends it with this status. */
  interrupt(status: GrpcStatus): void;
}
