// What one stream asked for of one type, and what its client holds: the protocol's state without any I/O. Requests go
// in; compared with a snapshot, what must be sent comes out, a response at a time.

import type { ResourceName } from '../cache/encoded-resource.ts';
import type { TypeSnapshot } from '../cache/type-snapshot.ts';
import { chooseComplete, chooseSome, isNothing, type TakeOptions } from './choose-changes.ts';
import { ClientState } from './client-state.ts';
import { compareSnapshot } from './compare-snapshot.ts';
import { completeState } from './complete-state.ts';
import type { Part } from './isolation.ts';
import { NameSet } from './name-set.ts';
import type { Pending } from './pending-changes.ts';
import { batchOf, takeSome, type Batch } from './response-batch.ts';
import { holdsState, holdsVersions } from './returning-client.ts';
import type { SharedAnswers, SharedState } from './shared-answers.ts';
import { SubscribedNames, type SubscribedNamesOptions } from './subscribed-names.ts';
import type { TypeRule } from './type-rules.ts';

export interface SubscriptionOptions extends SubscribedNamesOptions {
  readonly variant: 'delta' | 'sotw';
  readonly answers: SharedAnswers;
}

export interface DeltaRequestNames {
  readonly subscribe: readonly string[];
  readonly unsubscribe: readonly string[];
  /** Only a stream's first request of the type may have any. */
  readonly initialVersions: ReadonlyMap<string, string>;
}

export class Subscription {
  readonly rule: TypeRule;
  readonly subscribed: SubscribedNames;
  readonly client: ClientState;
  readonly #variant: 'delta' | 'sotw';
  readonly #answers: SharedAnswers;
  /** State of the world, first request: the version that the client held when its last stream ended. */
  #announcedVersion = '';

  constructor(options: SubscriptionOptions) {
    this.rule = options.rule;
    this.subscribed = new SubscribedNames(options);
    this.client = new ClientState(options.variant);
    this.#variant = options.variant;
    this.#answers = options.answers;
  }

  /** Every response carries the complete state. */
  get complete(): boolean {
    return this.rule.completeInSotw && this.#variant === 'sotw';
  }

  /** Names it was asked for that the client does not hold: what follows from them (virtual hosts) is to be sent too. */
  updateDelta(request: DeltaRequestNames): readonly ResourceName[] {
    const { client, subscribed } = this;
    const { initialVersions, unsubscribe } = request;
    client.goOwnWay();
    const update = subscribed.updateDelta(request);
    if (update.first && initialVersions.size > 0) client.announce(initialVersions);
    if (unsubscribe.length > 0) client.goOwnWay();
    const wanting = update.first ? update.asked.filter((name) => !initialVersions.has(name)) : update.asked;
    client.follow(update, { wanting, wildcard: subscribed.wildcard });
    return wanting;
  }

  /** As `updateDelta`, for a request that lists everything the client wants. */
  updateSotw(resourceNames: readonly string[], announcedVersion: string): readonly ResourceName[] {
    const { client, subscribed } = this;
    client.goOwnWay();
    const update = subscribed.updateSotw(resourceNames);
    if (update.first) this.#announcedVersion = announcedVersion;
    client.follow(update, { wanting: update.asked, wildcard: subscribed.wildcard });
    return update.asked;
  }

  /**
   * The client is to be sent these again, although their bytes are the same: endpoints of a cluster that warms, and
   * virtual hosts of a route configuration that was asked for (again).
   */
  resend(selects: (name: ResourceName) => boolean, candidates?: Iterable<ResourceName>): boolean {
    const { client, subscribed } = this;
    client.goOwnWay();
    let any = false;
    for (const name of candidates ?? client.names()) {
      if (!selects(name) || !subscribed.covers(name) || client.heldOf(name) === undefined) continue;
      client.lack(name);
      any = true;
    }
    return any;
  }

  /** Whether the client was sent exactly this last. */
  holds(part: Part): boolean {
    return this.subscribed.covers(part.name) && this.client.holds(part);
  }

  /**
   * What the client lacks of `target`. Undefined when it is to be sent nothing; `target` then counts as sent, unless it
   * is not known yet which route configurations the client wants.
   */
  compare(target: TypeSnapshot): Pending | undefined {
    const { client, subscribed } = this;
    if (subscribed.wildcard && subscribed.parent === 'not subscribed yet') return undefined;
    if (this.#holdsAnnounced(target)) client.settle(target);
    if (client.rest?.target === target) return client.rest;
    client.goOwnWay();
    const state = this.#sharedState(target);
    const pending =
      state === undefined ? this.#difference(target) : this.#answers.pending(state, () => this.#difference(target));
    if (pending === undefined) client.settle(target);
    return pending;
  }

  /** The next response out of `pending`; undefined when all of it has to wait. What is taken counts as sent. */
  take(pending: Pending, options: TakeOptions): Batch | undefined {
    if (this.#variant === 'sotw') return this.#takeSotw(pending, options);
    const taken =
      options.only === undefined
        ? this.#answers.taken(pending, options, () => takeSome(pending, options))
        : takeSome(pending, options);
    if (taken.batch !== undefined) this.client.advance(pending, taken);
    return taken.batch;
  }

  #takeSotw(pending: Pending, options: TakeOptions): Batch | undefined {
    const chosen = this.complete ? chooseComplete(pending, options) : chooseSome(pending, options);
    if (isNothing(chosen, pending)) return undefined;
    this.client.advance(pending, { chosen });
    const changed = chosen.additions.flatMap((change) => change.resource ?? []);
    const resources = this.complete ? completeState(pending.target, this) : changed;
    return batchOf(chosen, { resources, changed, removed: [] });
  }

  #holdsAnnounced(target: TypeSnapshot): boolean {
    const version = this.#announcedVersion;
    this.#announcedVersion = '';
    if (version !== '' && this.rule.completeInSotw && holdsState(version, target, this)) return true;
    return holdsVersions(target, this);
  }

  #difference(target: TypeSnapshot): Pending | undefined {
    const { client, subscribed } = this;
    // "for other resource types, the API provides no mechanism for the server to tell the client that resources have
    // been deleted" (state of the world)
    const canRemove = this.#variant === 'delta' || this.complete;
    return compareSnapshot(target, { client, subscribed, canRemove, differences: this.#answers.differences });
  }

  /** Undefined for a stream that differs from its snapshot: what it lacks is its own matter. */
  #sharedState(target: TypeSnapshot): SharedState | undefined {
    const { client, subscribed } = this;
    if (!client.isSnapshot || client.sent === target) return undefined;
    const { wildcard, names, parent } = subscribed;
    const asksAll = client.owedCount > 0 && !wildcard && client.owedCount === names.size;
    if (client.owedCount > 0 && !asksAll) return undefined;
    if (parent === 'not subscribed yet') return undefined;
    return {
      held: client.sent,
      target,
      names,
      parentNames: parent?.names ?? NameSet.empty,
      typeUrl: this.rule.typeUrl,
      flags: flagsOf(
        this.#variant === 'delta',
        wildcard,
        client.answerDue,
        asksAll,
        parent !== undefined,
        parent?.wildcard,
      ),
    };
  }
}

/** A bit each. */
function flagsOf(...flags: readonly (boolean | undefined)[]): number {
  let bits = 0;
  for (const flag of flags) bits = bits * 2 + (flag === true ? 1 : 0);
  return bits;
}
