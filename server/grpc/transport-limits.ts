// What a client may cost the transport, and when a connection counts as gone.

export interface TransportLimits {
  /** Of one request message; a larger one ends its call with RESOURCE_EXHAUSTED. */
  readonly maxRequestBytes: number;
  /** Of the headers of a request. */
  readonly maxHeaderBytes: number;
  /** Open at the same time on one connection: an agent needs a handful. */
  readonly maxConcurrentStreams: number;
  /** A quiet connection is pinged this often, … */
  readonly keepaliveMs: number;
  /** … and is gone when the answer takes longer than this. */
  readonly keepaliveTimeoutMs: number;
  /** A client that has not finished its TLS handshake by then is disconnected. */
  readonly handshakeTimeoutMs: number;
  /** After its end, a call whose answer is not taken is reset. */
  readonly endGraceMs: number;
  /** A client is told to go to another server after this time; 0: never. Up to a tenth more or less, by chance. */
  readonly maxConnectionAgeMs: number;
  /** Calls that are open this long after that end with UNAVAILABLE. */
  readonly maxConnectionAgeGraceMs: number;
}

export const defaultTransportLimits: TransportLimits = Object.freeze({
  maxRequestBytes: 4 * 1024 * 1024,
  maxHeaderBytes: 16 * 1024,
  maxConcurrentStreams: 100,
  keepaliveMs: 30_000,
  keepaliveTimeoutMs: 10_000,
  handshakeTimeoutMs: 20_000,
  endGraceMs: 5000,
  maxConnectionAgeMs: 0,
  maxConnectionAgeGraceMs: 5000,
});
