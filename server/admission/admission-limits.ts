// What newcomers may take from those who are connected already. Shared by all ports of an instance, since they share its
// event loop.

import { defaultTransportLimits } from '../grpc/transport-limits.ts';
import type { Rate } from './token-bucket.ts';

export interface AdmissionLimits {
  /** New connections: a TLS handshake costs about a millisecond of processor time. */
  readonly handshakes: Rate;
  /** Connections that wait for their handshake; a further one is closed at once. */
  readonly maxWaitingConnections: number;
  /** A connection that has waited for so long is closed: about as long as clients wait for a handshake. */
  readonly connectionPatienceMs: number;
  /** No handshake begins while so many streams and requests wait for their turns. */
  readonly maxWaitingTurns: number;
  /** New streams that wait for their first turn; a further one ends with RESOURCE_EXHAUSTED. */
  readonly maxWaitingStreams: number;
  /** A stream that has waited for so long ends with RESOURCE_EXHAUSTED. */
  readonly streamPatienceMs: number;
  /** Requests are worked off for so long at a stretch; between two stretches all events that wait are handled. */
  readonly sliceMs: number;
  /** From this lateness of the event loop on, as little as possible is admitted: nothing, or one thing at a time. */
  readonly maxLagMs: number;
  /** Requests of all streams of a client, beyond one for each response that a stream was sent. */
  readonly requests: Rate;
  /** Of these, what each connection has to itself: as many as a proxy needs to connect, since replicas may share an address. */
  readonly connectionRequests: Rate;
  /** A stream that asks for more when the requests of its client had to be delayed for so long without a break ends with RESOURCE_EXHAUSTED. */
  readonly requestPatienceMs: number;
  /** Messages of all streams of a connection that have come in part, or wait to be handled. A stream that goes beyond ends with RESOURCE_EXHAUSTED. */
  readonly maxHeldBytes: number;
}

export const defaultAdmissionLimits: AdmissionLimits = Object.freeze({
  handshakes: Object.freeze({ perSecond: 400, burst: 4 }),
  maxWaitingConnections: 8192,
  connectionPatienceMs: 20_000,
  maxWaitingTurns: 32,
  maxWaitingStreams: 2048,
  streamPatienceMs: 20_000,
  sliceMs: 5,
  maxLagMs: 30,
  requests: Object.freeze({ perSecond: 100, burst: 1000 }),
  connectionRequests: Object.freeze({ perSecond: 1, burst: 32 }),
  requestPatienceMs: 30_000,
  maxHeldBytes: 4 * defaultTransportLimits.maxRequestBytes,
});
