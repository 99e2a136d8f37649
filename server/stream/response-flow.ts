// When the responses of one stream go: at once, each type's after the answer to its last one, and each type of a change in its
// place among the others. What goes is the state of that moment, so nothing is queued.

import type { ResourceName } from '../cache/encoded-resource.ts';
import { emptyTypeSnapshot, type TypeSnapshot } from '../cache/type-snapshot.ts';
import type { Convergence } from './convergence.ts';
import { mayAdd, mayRemove, type Progress } from './make-before-break.ts';
import type { Pending } from './pending-changes.ts';
import type { ResponseWriter } from './response-writer.ts';
import type { OpenedNode } from './snapshot-source.ts';
import type { StreamContext } from './stream-context.ts';
import type { SubscribedTypes } from './subscribed-types.ts';
import type { TypeDelivery } from './type-delivery.ts';
import { isKnownType, typeUrls } from './type-rules.ts';

export interface ResponseFlowOptions {
  readonly node: OpenedNode;
  readonly context: StreamContext;
  readonly types: SubscribedTypes;
  readonly writer: ResponseWriter;
  readonly convergence: Convergence;
}

export class ResponseFlow {
  readonly #options: ResponseFlowOptions;
  #closed = false;
  #flushing = false;
  /** For what waits for another type's answer. */
  #orderTimer: NodeJS.Timeout | undefined;

  constructor(options: ResponseFlowOptions) {
    this.#options = options;
  }

  /** Sends what may be sent now, each type once, in order. */
  flush(): void {
    if (this.#closed || this.#flushing) return;
    const { types, convergence } = this.#options;
    const unsent = types.unsent();
    if (unsent !== 'none') {
      this.#flushing = true;
      this.#armOrderTimer(unsent === 'several' ? this.#sendAll() : this.#send(unsent, this.#compare(unsent)));
      this.#flushing = false;
    } else this.#armOrderTimer(false);
    if (types.settled()) convergence.settled();
  }

  /** Nothing is sent after this. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#orderTimer);
  }

  /** True when something waits for another type. */
  #sendAll(): boolean {
    const { types } = this.#options;
    // Compared first, so that a type without a difference holds up no other.
    const compared = new Map<TypeDelivery, Pending | undefined>();
    for (const type of types.values()) compared.set(type, this.#compare(type));
    let held = false;
    for (const type of types.values()) {
      held = this.#send(type, compared.get(type) ?? this.#compare(type), compared) || held;
    }
    return held;
  }

  #compare(type: TypeDelivery): Pending | undefined {
    if (type.unsent === 'none' || type.inFlight) return undefined;
    const target = this.#targetOf(type);
    const found = target === undefined ? undefined : type.subscription.compare(target);
    if (found === undefined) type.unsent = 'none';
    else type.unsent = found.additions.length > 0 || found.answerDue ? 'additions' : 'removals';
    return found;
  }

  /**
   * Undefined: not answered. Names of a type that is not served don't exist, and delta says so ("When a resource
   * subscribed to by a client does not exist, the server will send … removed_resources"); all of such a type is nothing.
   */
  #targetOf({ typeUrl, subscription }: TypeDelivery): TypeSnapshot | undefined {
    const snapshot = this.#options.node.snapshot(typeUrl);
    if (snapshot !== undefined) return snapshot;
    const { rule, subscribed } = subscription;
    return !rule.silent && (isKnownType(typeUrl) || !subscribed.wildcard) ? emptyTypeSnapshot : undefined;
  }

  /** True when additions wait for another type. */
  #send(type: TypeDelivery, pending: Pending | undefined, compared?: Map<TypeDelivery, Pending | undefined>): boolean {
    if (pending === undefined || type.unsent === 'none' || type.inFlight) return false;
    const { context, writer, convergence } = this.#options;
    const { limits, metrics } = context;
    const progressOf = (typeUrl: string): Progress | undefined => this.#progressOf(typeUrl);
    const additions = pending.additions.length === 0 || mayAdd(type.typeUrl, progressOf);
    const removals = pending.removals.length === 0 || mayRemove(type.typeUrl, progressOf);
    const full = pending.removals.length > limits.maxWithheldRemovals;
    const only = type.only(pending);
    const batch = type.subscription.take(pending, {
      additions,
      removals: removals || full,
      maxBytes: limits.maxResponseBytes,
      only,
    });
    if (batch !== undefined && only !== undefined) metrics.sentAgain(type.typeUrl);
    if (batch === undefined) {
      type.unsent = leftOver(pending, additions);
      return type.unsent === 'additions';
    }
    if (batch.left.additions > 0) type.unsent = 'additions';
    else type.unsent = batch.left.removals > 0 ? 'removals' : 'none';
    const nowMs = performance.now();
    writer.respond(type, batch, nowMs);
    convergence.sent(nowMs);
    if (type.typeUrl === typeUrls.cluster) this.#warm(batch.replaced, compared);
    return type.unsent === 'additions' && !additions;
  }

  /**
   * "Warming of Cluster is completed only when a new ClusterLoadAssignment response is supplied by management server even
   * though there is no change in endpoints" (xDS protocol), and a client that has the name already does not ask again.
   */
  #warm(clusters: readonly ResourceName[], compared: Map<TypeDelivery, Pending | undefined> | undefined): void {
    const { types } = this.#options;
    const endpoints = types.get(typeUrls.endpoint);
    if (endpoints?.subscription.resend(() => true, clusters) !== true) return;
    types.owe(endpoints);
    compared?.delete(endpoints);
  }

  #progressOf(typeUrl: string): Progress | undefined {
    const { types, context } = this.#options;
    const { limits, now } = context;
    return types.get(typeUrl)?.progress({ nowMs: now(), orderTimeoutMs: limits.orderTimeoutMs });
  }

  #armOrderTimer(held: boolean): void {
    if (this.#orderTimer !== undefined) clearTimeout(this.#orderTimer);
    const { orderTimeoutMs } = this.#options.context.limits;
    this.#orderTimer = held && !this.#closed ? setTimeout(() => this.flush(), orderTimeoutMs) : undefined;
  }
}

/** What remains of a difference of which nothing was put into a response. */
function leftOver(pending: Pending, additions: boolean): Progress['unsent'] {
  if (pending.additions.length > 0 && !additions) return 'additions';
  return pending.removals.length > 0 ? 'removals' : 'none';
}
