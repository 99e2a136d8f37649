// What one stream asked for of one type, and what its client holds: the protocol's state without any I/O. Requests go
// in; compared with a snapshot, what must be sent comes out. It keeps a reference to the snapshot that was sent last and
// the few names that differ from it, so an idle stream costs the same for ten and for ten thousand resources.

import { resourceName, resourceVersion, type EncodedResource, type ResourceName } from '../cache/encoded-resource.ts';
import { emptyTypeSnapshot, lookUp, resourcesOf, sizeOf, type TypeSnapshot } from '../cache/type-snapshot.ts';
import {
  byName,
  chooseComplete,
  chooseSome,
  type Batch,
  type Change,
  type Chosen,
  type Held,
  type Pending,
  type Taken,
  type TakeOptions,
} from './response-batch.ts';
import type { Part } from './isolation.ts';
import { NameSet, type NameSetPool } from './name-set.ts';
import type { SharedAnswers, SharedState } from './shared-answers.ts';
import { stateVersion } from './state-version.ts';
import { routeConfigurationOf, type TypeRule } from './type-rules.ts';

const wildcardName = resourceName('*');
/** Something, in a version that no resource has. */
const unknownHeld: Held = Object.freeze({ version: resourceVersion('') });

export interface SubscriptionOptions {
  readonly rule: TypeRule;
  readonly variant: 'delta' | 'sotw';
  readonly names: NameSetPool;
  readonly answers: SharedAnswers;
  /**
   * The stream's subscription to route configurations, when its virtual hosts follow it. Envoy asks for virtual hosts
   * once and without names, whatever the number of its route configurations.
   */
  readonly parent?: () => Subscription | undefined;
}

export interface DeltaRequestNames {
  readonly subscribe: readonly string[];
  readonly unsubscribe: readonly string[];
  /** Only a stream's first request of the type may have any. */
  readonly initialVersions: ReadonlyMap<string, string>;
}

export class Subscription {
  readonly rule: TypeRule;
  readonly #options: SubscriptionOptions;
  #wildcard = false;
  /** True until a name is asked for: requests without names mean everything. */
  #legacy = true;
  #started = false;
  #names: NameSet = NameSet.empty;
  #sent: TypeSnapshot = emptyTypeSnapshot;
  /** Exceptions to "the client holds what `#sent` has"; undefined: it does not hold the name. */
  #exceptions: Map<ResourceName, Held | undefined> | undefined;
  /** Names whose answer the client waits for. */
  #owed: Set<ResourceName> | undefined;
  #answerDue = false;
  /**
   * Not yet sent of what all streams in the same state are sent. Stands for the exceptions and owed names that it would
   * take to say so, and becomes them when this stream goes a way of its own.
   */
  #rest: Pending | undefined;
  /** What the client said that it holds, until it is compared. Stands for as many exceptions. */
  #announced: ReadonlyMap<string, string> | undefined;
  /** State of the world, first request: the version that the client held when its last stream ended. */
  #announcedVersion = '';

  constructor(options: SubscriptionOptions) {
    this.rule = options.rule;
    this.#options = options;
  }

  get wildcard(): boolean {
    return this.#wildcard;
  }

  /** Names asked for one by one. */
  get names(): NameSet {
    return this.#names;
  }

  get owesAnswers(): boolean {
    if (this.#answerDue || (this.#owed?.size ?? 0) > 0) return true;
    const rest = this.#rest;
    return rest !== undefined && (rest.answerDue || rest.additions.some(isAsked) || rest.removals.some(isAsked));
  }

  /** Names that are kept beside the snapshot; none on an idle stream. */
  get exceptionCount(): number {
    const rest = (this.#rest?.additions.length ?? 0) + (this.#rest?.removals.length ?? 0);
    return (this.#exceptions?.size ?? 0) + (this.#announced?.size ?? 0) + (this.#owed?.size ?? 0) + rest;
  }

  /** Whether the client wants this name, existing or not. */
  covers(name: ResourceName): boolean {
    if (this.#names.has(name)) return true;
    if (!this.#wildcard) return false;
    const parent = this.#parent();
    if (parent === undefined) return true;
    return parent === 'not subscribed yet' ? false : parent.covers(resourceName(routeConfigurationOf(name)));
  }

  /** Names it was asked for that the client does not hold: what follows from them (virtual hosts) is to be sent too. */
  updateDelta(request: DeltaRequestNames): readonly ResourceName[] {
    this.#goOwnWay();
    const subscribe = request.subscribe.filter((name) => name !== wildcardName).map(resourceName);
    const holds = (name: ResourceName): boolean => first && request.initialVersions.has(name);
    const wildcardAsked = request.subscribe.includes(wildcardName);
    const first = !this.#started;
    this.#started = true;
    if (first && request.initialVersions.size > 0) this.#announced = request.initialVersions;
    if (request.unsubscribe.length > 0) this.#goOwnWay();
    if (request.subscribe.length > 0) this.#legacy = false;
    else if (first && this.#legacy && this.rule.legacyWildcard) this.#becomeWildcard();
    if (wildcardAsked && !this.#wildcard) this.#becomeWildcard();

    const unsubscribe = request.unsubscribe.map(resourceName);
    if (unsubscribe.includes(wildcardName)) this.#leaveWildcard();
    this.#leave(unsubscribe.filter((name) => name !== wildcardName && this.#names.has(name)));
    const wanting = subscribe.filter((name) => !holds(name));
    this.#owe(wanting);
    this.#join(subscribe);
    return wanting;
  }

  /** As `updateDelta`, for a request that lists everything the client wants. */
  updateSotw(resourceNames: readonly string[], announcedVersion: string): readonly ResourceName[] {
    this.#goOwnWay();
    const first = !this.#started;
    this.#started = true;
    if (first) this.#announcedVersion = announcedVersion;
    if (resourceNames.length > 0) this.#legacy = false;
    if (this.#legacy) {
      if (first && this.rule.legacyWildcard) this.#becomeWildcard();
      return [];
    }
    const wildcardAsked = resourceNames.includes(wildcardName);
    const asked = new Set(resourceNames.filter((name) => name !== wildcardName).map(resourceName));
    if (wildcardAsked && !this.#wildcard) this.#becomeWildcard();
    const left = [...this.#names].filter((name) => !asked.has(name));
    const added = [...asked].filter((name) => !this.#names.has(name));
    if (!wildcardAsked) this.#leaveWildcard();
    this.#leave(left);
    this.#owe(added);
    this.#join(added);
    return added;
  }

  /**
   * The client is to be sent these again, although their bytes are the same: endpoints of a cluster that warms, and
   * virtual hosts of a route configuration that was asked for (again).
   */
  resend(selects: (name: ResourceName) => boolean, candidates?: Iterable<ResourceName>): boolean {
    this.#goOwnWay();
    let any = false;
    for (const name of candidates ?? [...namesOf(this.#sent), ...(this.#exceptions?.keys() ?? [])]) {
      if (!selects(name) || !this.covers(name) || this.#heldOf(name) === undefined) continue;
      this.#except(name, undefined);
      any = true;
    }
    return any;
  }

  /** The client rejected these as parts of a response: what it has of them is what it had before. */
  forget(parts: Iterable<Part>): void {
    this.#goOwnWay();
    for (const { name, version } of parts) this.#except(name, version === undefined ? unknownHeld : undefined);
  }

  /** These are not sent again before they are others than when they were sent. */
  giveUp(parts: Iterable<Part>): void {
    this.#goOwnWay();
    for (const { name, version } of parts) this.#except(name, version === undefined ? undefined : { version });
  }

  /** Whether the client was sent exactly this last. */
  holds({ name, version }: Part): boolean {
    const isLeft = (change: Change): boolean => change.name === name;
    if (this.#rest?.additions.some(isLeft) === true || this.#rest?.removals.some(isLeft) === true) return false;
    return this.covers(name) && this.#heldOf(name)?.version === version;
  }

  /**
   * What the client lacks of `target`. Undefined when it is to be sent nothing; `target` then counts as sent, unless it
   * is not known yet which route configurations the client wants.
   */
  compare(target: TypeSnapshot): Pending | undefined {
    if (this.#wildcard && this.#parent() === 'not subscribed yet') return undefined;
    if (this.#holdsAnnounced(target) || this.#holdsAll(target)) this.#settle(target);
    if (this.#rest?.target === target) return this.#rest;
    this.#goOwnWay();
    const state = this.#sharedState(target);
    const pending =
      state === undefined
        ? this.#difference(target)
        : this.#options.answers.pending(state, () => this.#difference(target));
    if (pending === undefined) this.#settle(target);
    return pending;
  }

  #difference(target: TypeSnapshot): Pending | undefined {
    const additions: Change[] = [];
    const removals: Change[] = [];
    // "for other resource types, the API provides no mechanism for the server to tell the client that resources have
    // been deleted" (state of the world)
    const canRemove = this.#options.variant === 'delta' || this.complete;
    for (const name of this.#candidates(target)) {
      const asked = this.#owed?.has(name) ?? false;
      const covered = this.covers(name);
      if (!asked && !covered) continue;
      const owed = asked || this.#answerDue;
      const resource = covered ? lookUp(target, name) : undefined;
      const held = this.#heldOf(name);
      if (resource !== undefined) {
        if (asked || held?.version !== resource.version) additions.push({ name, resource, held, asked, owed });
      } else if (canRemove && (asked || held !== undefined)) removals.push({ name, held, asked, owed: asked });
    }
    if (additions.length === 0 && removals.length === 0 && !this.#answerDue) return undefined;
    return {
      target,
      additions: additions.toSorted(byName),
      removals: removals.toSorted(byName),
      answerDue: this.#answerDue,
    };
  }

  /** The next response out of `pending`; undefined when all of it has to wait. What is taken counts as sent. */
  take(pending: Pending, options: TakeOptions): Batch | undefined {
    const { answers, variant } = this.#options;
    const taken =
      variant === 'sotw'
        ? this.#takeSotw(pending, options)
        : options.only === undefined
          ? answers.taken(pending, options, () => takeSome(pending, options))
          : takeSome(pending, options);
    if (taken.batch !== undefined && variant === 'delta') this.#advance(pending, taken);
    return taken.batch;
  }

  #takeSotw(pending: Pending, options: TakeOptions): Taken {
    const chosen = this.complete ? chooseComplete(pending, options) : chooseSome(pending, options);
    if (isNothing(chosen, pending)) return { chosen };
    this.#advance(pending, { chosen });
    const changed = chosen.additions.flatMap((change) => change.resource ?? []);
    const resources = this.complete ? this.#everything(pending.target) : changed;
    return { chosen, batch: batchOf(chosen, { resources, changed, removed: [] }) };
  }

  /** Every response carries the complete state. */
  get complete(): boolean {
    return this.rule.completeInSotw && this.#options.variant === 'sotw';
  }

  #parent(): Subscription | 'not subscribed yet' | undefined {
    if (this.#options.parent === undefined) return undefined;
    return this.#options.parent() ?? 'not subscribed yet';
  }

  /** Whether the client has said that it holds what it is to have of `target`, in these versions and nothing else. */
  #holdsAll(target: TypeSnapshot): boolean {
    const announced = this.#announced;
    if (announced === undefined || this.#owed !== undefined || this.#exceptions !== undefined) return false;
    if (announced.size !== (this.#wildcard ? sizeOf(target) : this.#names.size)) return false;
    for (const [text, version] of announced) {
      const name = resourceName(text);
      if (!this.#wildcard && !this.#names.has(name)) return false;
      if (lookUp(target, name)?.version !== version) return false;
    }
    return true;
  }

  /**
   * Everything in the last snapshot that it did not cover before is unknown to the client. A client that announced what
   * it holds does not wait for an answer; another one does, even if there is nothing.
   */
  #becomeWildcard(): void {
    this.#answerDue = (this.#exceptions?.size ?? 0) === 0 && this.#announced === undefined;
    for (const name of namesOf(this.#sent)) if (!this.covers(name)) this.#except(name, undefined);
    this.#wildcard = true;
  }

  #leaveWildcard(): void {
    this.#wildcard = false;
    this.#answerDue = false;
    for (const name of this.#exceptions?.keys() ?? []) if (!this.#names.has(name)) this.#exceptions?.delete(name);
  }

  #owe(names: readonly ResourceName[]): void {
    for (const name of names) (this.#owed ??= new Set()).add(name);
  }

  #join(names: readonly ResourceName[]): void {
    this.#names = this.#options.names.intern(this.#names.with({ added: names, removed: [] }));
  }

  /**
   * Under a wildcard the client can't know whether to keep a name that it stopped asking for, so it is told (delta:
   * "the server must send a response that includes the specific resource").
   */
  #leave(names: readonly ResourceName[]): void {
    this.#names = this.#options.names.intern(this.#names.with({ added: [], removed: names }));
    for (const name of names) {
      const unanswered = this.#owed?.delete(name) ?? false;
      if (!this.#wildcard) this.#exceptions?.delete(name);
      else if (this.#options.variant === 'delta') this.#owe([name]);
      else if (unanswered) this.#except(name, undefined);
    }
  }

  #except(name: ResourceName, held: Held | undefined): void {
    (this.#exceptions ??= new Map()).set(name, held);
  }

  #heldOf(name: ResourceName): Held | undefined {
    if (this.#exceptions?.has(name) === true) return this.#exceptions.get(name);
    if (this.#sent === emptyTypeSnapshot) return undefined;
    const resource = lookUp(this.#sent, name);
    if (resource === undefined) return undefined;
    return { version: resource.version, resource: this.#options.variant === 'sotw' ? resource : undefined };
  }

  /** Names that may differ, each once. A stream's first comparison has nothing to compare with. */
  #candidates(target: TypeSnapshot): Iterable<ResourceName> {
    const first = this.#sent === emptyTypeSnapshot;
    const wanted = this.#wildcard ? namesOf(target) : this.#names;
    const changed = first ? wanted : this.#options.answers.differences.between(this.#sent, target);
    if (this.#exceptions === undefined && this.#owed === undefined) return changed;
    const names = new Set(changed);
    for (const name of this.#exceptions?.keys() ?? []) names.add(name);
    for (const name of this.#owed ?? []) names.add(name);
    return names;
  }

  /**
   * A client that returns with nothing but a wildcard and the version of this very state holds it already. ("it is
   * generally safe for servers to do this optimization for LDS and CDS when the only subscription is a wildcard")
   */
  #holdsAnnounced(target: TypeSnapshot): boolean {
    const announced = this.#announcedVersion;
    this.#announcedVersion = '';
    if (announced === '' || !this.rule.completeInSotw || !this.#wildcard || this.#names.size > 0) return false;
    return announced === stateVersion(this.#everything(target));
  }

  /** All that the client is to have, in the order of names: what `target` has and what is not yet removed. */
  #everything(target: TypeSnapshot): readonly EncodedResource[] {
    const resources = new Map<ResourceName, EncodedResource>();
    const names = this.#wildcard ? namesOf(target) : this.#names;
    for (const name of names) {
      const resource = lookUp(target, name);
      if (resource !== undefined) resources.set(name, resource);
    }
    for (const [name, held] of this.#exceptions ?? []) {
      if (held?.resource !== undefined && !resources.has(name)) resources.set(name, held.resource);
    }
    return [...resources.values()].toSorted(byName);
  }

  #settle(target: TypeSnapshot): void {
    this.#sent = target;
    this.#exceptions = undefined;
    this.#owed = undefined;
    this.#answerDue = false;
    this.#rest = undefined;
    this.#announced = undefined;
  }

  #advance(pending: Pending, { chosen, rest }: Taken): void {
    this.#settle(pending.target);
    if (rest === undefined) this.#keepBack(chosen.laterAdditions, chosen.laterRemovals, pending.answerDue);
    else this.#rest = rest;
  }

  /** Turns what is left of a shared difference, and what was announced, into exceptions of this stream. */
  #goOwnWay(): void {
    const announced = this.#announced;
    this.#announced = undefined;
    for (const [name, version] of announced ?? []) {
      this.#except(resourceName(name), { version: resourceVersion(version) });
    }
    const rest = this.#rest;
    if (rest === undefined) return;
    this.#rest = undefined;
    this.#keepBack(rest.additions, rest.removals, rest.answerDue);
  }

  #keepBack(additions: readonly Change[], removals: readonly Change[], answerDue: boolean): void {
    this.#answerDue = answerDue && additions.length > 0;
    if (additions.length + removals.length === 0) return;
    for (const change of [...additions, ...removals]) {
      if (change.asked) this.#owe([change.name]);
      this.#except(change.name, change.asked ? undefined : change.held);
    }
  }

  /** Undefined for a stream that differs from its snapshot: what it lacks is its own matter. */
  #sharedState(target: TypeSnapshot): SharedState | undefined {
    if (this.#exceptions !== undefined || this.#sent === target) return undefined;
    const asksAll = this.#owed !== undefined && !this.#wildcard && this.#owed.size === this.#names.size;
    if (this.#owed !== undefined && !asksAll) return undefined;
    const parent = this.#parent();
    if (parent === 'not subscribed yet') return undefined;
    const { rule, variant } = this.#options;
    return {
      held: this.#sent,
      target,
      names: this.#names,
      parentNames: parent?.names ?? NameSet.empty,
      typeUrl: rule.typeUrl,
      flags: flagsOf(
        variant === 'delta',
        this.#wildcard,
        this.#answerDue,
        asksAll,
        parent !== undefined,
        parent?.wildcard,
      ),
    };
  }
}

function takeSome(pending: Pending, options: TakeOptions): Taken {
  const chosen = chooseSome(pending, options);
  if (isNothing(chosen, pending)) return { chosen };
  const resources = chosen.additions.flatMap((change) => change.resource ?? []);
  const removed = chosen.removals.map((change) => change.name);
  const batch = batchOf(chosen, { resources, changed: resources, removed });
  const { laterAdditions: additions, laterRemovals: removals } = chosen;
  if (additions.length + removals.length === 0) return { chosen, batch };
  const answerDue = pending.answerDue && additions.length > 0;
  return { chosen, batch, rest: { target: pending.target, additions, removals, answerDue } };
}

function isNothing(chosen: Chosen, pending: Pending): boolean {
  return chosen.additions.length + chosen.removals.length === 0 && !pending.answerDue;
}

function batchOf(chosen: Chosen, content: Pick<Batch, 'resources' | 'changed' | 'removed'>): Batch {
  const { resources, removed } = content;
  return {
    ...content,
    names: [...new Set([...resources.map((resource) => resource.name), ...removed])],
    added: chosen.additions.length,
    replaced: chosen.additions
      .filter((change) => change.held !== undefined && change.held.version !== change.resource?.version)
      .map(({ name }) => name),
    left: { additions: chosen.laterAdditions.length, removals: chosen.laterRemovals.length },
  };
}

/** A bit each. */
function flagsOf(...flags: readonly (boolean | undefined)[]): number {
  let bits = 0;
  for (const flag of flags) bits = bits * 2 + (flag === true ? 1 : 0);
  return bits;
}

function isAsked(change: Change): boolean {
  return change.asked;
}

function* namesOf(snapshot: TypeSnapshot): Generator<ResourceName> {
  for (const resource of resourcesOf(snapshot)) yield resource.name;
}
