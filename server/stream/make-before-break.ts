// When a type's part of a change may go, seen from how far the other types of the same stream are. Clusters and their
// endpoints are in place before a listener or route names them; they go after nothing that the client runs names them.
//
// Answers to what the client asks for are never held up, nor is a plain change of endpoints. A type that the client
// leaves unanswered for too long (`stuck`) holds up additions no longer. A rejected cluster doesn't hold up listeners
// and routes: Envoy takes the good clusters of a response and names the bad ones. A rejected listener or route does hold
// up the removal of clusters and endpoints, because the client goes on with the old one, which may name them.

import { typeUrls } from './type-rules.ts';

/** How far one type is on a stream. */
export interface Progress {
  /** What is known to be missing at the client; `additions` includes changes and what was not compared yet. */
  readonly unsent: 'none' | 'removals' | 'additions';
  /** A response waits for its answer. */
  readonly inFlight: boolean;
  /** It carries clusters, or endpoints of a cluster that warms. */
  readonly introduces: boolean;
  /** Endpoints that the client waits for are not sent yet. */
  readonly owesAnswers: boolean;
  /** Unanswered for longer than the order of a change is worth. */
  readonly stuck: boolean;
  /** The last answer was a NACK. */
  readonly rejected: boolean;
}

/** Undefined: the stream has no subscription to the type. */
export type ProgressOf = (typeUrl: string) => Progress | undefined;

const naming: ReadonlySet<string> = new Set([typeUrls.listener, typeUrls.route, typeUrls.virtualHost]);
const removedLast: ReadonlySet<string> = new Set([typeUrls.cluster, typeUrls.endpoint]);

/** Whether additions and changes of the type may go now. */
export function mayAdd(typeUrl: string, progressOf: ProgressOf): boolean {
  if (!naming.has(typeUrl)) return true;
  const clusters = progressOf(typeUrls.cluster);
  if (clusters !== undefined && !clusters.stuck && (clusters.unsent === 'additions' || clusters.introduces))
    return false;
  const endpoints = progressOf(typeUrls.endpoint);
  if (endpoints !== undefined && !endpoints.stuck && (endpoints.owesAnswers || endpoints.introduces)) return false;
  if (typeUrl !== typeUrls.virtualHost) return true;
  const routes = progressOf(typeUrls.route);
  return routes === undefined || routes.stuck || routes.unsent !== 'additions';
}

/** Whether removals of the type may go now. */
export function mayRemove(typeUrl: string, progressOf: ProgressOf): boolean {
  if (!removedLast.has(typeUrl)) return true;
  const done = (other: string): boolean => {
    const progress = progressOf(other);
    return progress === undefined || (progress.unsent === 'none' && !progress.inFlight);
  };
  const accepted = (other: string): boolean => progressOf(other)?.rejected !== true;
  if (![...naming].every((other) => done(other) && accepted(other))) return false;
  return typeUrl === typeUrls.cluster || done(typeUrls.cluster);
}
