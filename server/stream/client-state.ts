// What the client of one type holds, and which answers it waits for: a reference to the snapshot that it was sent last and the few
// names that differ from it. So an idle stream costs the same for ten and for ten thousand resources.

import { resourceName, resourceVersion, type ResourceName } from '../cache/encoded-resource.ts';
import { emptyTypeSnapshot, lookUp, namesOf, type TypeSnapshot } from '../cache/type-snapshot.ts';
import type { Part } from './isolation.ts';
import type { NameSet } from './name-set.ts';
import { concerns, owesAnswers, type Change, type Held, type Pending } from './pending-changes.ts';
import type { Taken } from './response-batch.ts';
import type { NamesUpdate } from './subscribed-names.ts';

/** Something, in a version that no resource has. */
const unknownHeld: Held = Object.freeze({ version: resourceVersion('') });

export interface AskedNow {
  readonly wildcard: boolean;
  /** Of what it newly asks for, what it does not hold. */
  readonly wanting: readonly ResourceName[];
}

export class ClientState {
  readonly #variant: 'delta' | 'sotw';
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

  constructor(variant: 'delta' | 'sotw') {
    this.#variant = variant;
  }

  /** The last snapshot of which it was sent anything. */
  get sent(): TypeSnapshot {
    return this.#sent;
  }

  /** It waits for an answer even if there is nothing in it. */
  get answerDue(): boolean {
    return this.#answerDue;
  }

  /** What is left of a difference that streams share. */
  get rest(): Pending | undefined {
    return this.#rest;
  }

  /** It holds exactly what `sent` has, but for what is left to send of it. */
  get isSnapshot(): boolean {
    return this.#exceptions === undefined;
  }

  /** What it said that it holds, as long as that is all that is known of it: versions by name. */
  get announced(): ReadonlyMap<string, string> | undefined {
    return this.#owed === undefined && this.#exceptions === undefined ? this.#announced : undefined;
  }

  /** Names that it waits for one by one. */
  get owedCount(): number {
    return this.#owed?.size ?? 0;
  }

  get owesAnswers(): boolean {
    if (this.#answerDue || this.owedCount > 0) return true;
    return this.#rest !== undefined && owesAnswers(this.#rest);
  }

  /** Names that are kept beside the snapshot; none on an idle stream. */
  get exceptionCount(): number {
    const rest = (this.#rest?.additions.length ?? 0) + (this.#rest?.removals.length ?? 0);
    return (this.#exceptions?.size ?? 0) + (this.#announced?.size ?? 0) + this.owedCount + rest;
  }

  isOwed(name: ResourceName): boolean {
    return this.#owed?.has(name) ?? false;
  }

  /** Undefined when it does not hold the name. */
  heldOf(name: ResourceName): Held | undefined {
    if (this.#exceptions?.has(name) === true) return this.#exceptions.get(name);
    if (this.#sent === emptyTypeSnapshot) return undefined;
    const resource = lookUp(this.#sent, name);
    if (resource === undefined) return undefined;
    return { version: resource.version, resource: this.#variant === 'sotw' ? resource : undefined };
  }

  /** Whether exactly this was sent last, of what it was to have. */
  holds({ name, version }: Part): boolean {
    if (this.#rest !== undefined && concerns(this.#rest, name)) return false;
    return this.heldOf(name)?.version === version;
  }

  /** Every name that it may hold. */
  names(): Iterable<ResourceName> {
    return [...namesOf(this.#sent), ...(this.#exceptions?.keys() ?? [])];
  }

  /** What it holds of names that differ from the snapshot. */
  exceptions(): Iterable<readonly [ResourceName, Held | undefined]> {
    return this.#exceptions ?? [];
  }

  /** These and the names that are kept beside the snapshot, each once. */
  withExceptions(changed: Iterable<ResourceName>): Iterable<ResourceName> {
    if (this.#exceptions === undefined && this.#owed === undefined) return changed;
    const names = new Set(changed);
    for (const name of this.#exceptions?.keys() ?? []) names.add(name);
    for (const name of this.#owed ?? []) names.add(name);
    return names;
  }

  /** It says what it holds, by name: the versions. */
  announce(versions: ReadonlyMap<string, string>): void {
    this.#announced = versions;
  }

  /** It asks for other names, and waits for the answers to those that it is wanting. */
  follow({ wildcard, before, left }: NamesUpdate, now: AskedNow): void {
    if (wildcard === 'joined') this.#joinWildcard(before);
    else if (wildcard === 'left') this.#leaveWildcard(before);
    for (const name of left) this.#leave(name, now.wildcard);
    this.#owe(now.wanting);
  }

  /** It is to be sent this name (again). */
  lack(name: ResourceName): void {
    this.#except(name, undefined);
  }

  /** It rejected these as parts of a response: what it has of them is what it had before. */
  forget(parts: Iterable<Part>): void {
    this.goOwnWay();
    for (const { name, version } of parts) this.#except(name, version === undefined ? unknownHeld : undefined);
  }

  /** These are not sent again before they are others than when they were sent. */
  giveUp(parts: Iterable<Part>): void {
    this.goOwnWay();
    for (const { name, version } of parts) this.#except(name, version === undefined ? undefined : { version });
  }

  /** Nothing is left to send of `target`. */
  settle(target: TypeSnapshot): void {
    this.#sent = target;
    this.#exceptions = undefined;
    this.#owed = undefined;
    this.#answerDue = false;
    this.#rest = undefined;
    this.#announced = undefined;
  }

  /** A response was taken out of `pending`. */
  advance(pending: Pending, { chosen, rest }: Taken): void {
    this.settle(pending.target);
    if (rest === undefined) this.#keepBack(chosen.laterAdditions, chosen.laterRemovals, pending.answerDue);
    else this.#rest = rest;
  }

  /** Turns what is left of a shared difference, and what was announced, into exceptions of this stream. */
  goOwnWay(): void {
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

  /**
   * Everything in the last snapshot that it did not ask for before is unknown to it. A client that announced what it
   * holds does not wait for an answer; another one does, even if there is nothing.
   */
  #joinWildcard(before: NameSet): void {
    this.#answerDue = (this.#exceptions?.size ?? 0) === 0 && this.#announced === undefined;
    for (const name of namesOf(this.#sent)) if (!before.has(name)) this.#except(name, undefined);
  }

  #leaveWildcard(before: NameSet): void {
    this.#answerDue = false;
    for (const name of this.#exceptions?.keys() ?? []) if (!before.has(name)) this.#exceptions?.delete(name);
  }

  /**
   * Under a wildcard the client can't know whether to keep a name that it stopped asking for, so it is told (delta:
   * "the server must send a response that includes the specific resource").
   */
  #leave(name: ResourceName, wildcard: boolean): void {
    const unanswered = this.#owed?.delete(name) ?? false;
    if (!wildcard) this.#exceptions?.delete(name);
    else if (this.#variant === 'delta') this.#owe([name]);
    else if (unanswered) this.#except(name, undefined);
  }

  #owe(names: readonly ResourceName[]): void {
    for (const name of names) (this.#owed ??= new Set()).add(name);
  }

  #except(name: ResourceName, held: Held | undefined): void {
    (this.#exceptions ??= new Map()).set(name, held);
  }

  #keepBack(additions: readonly Change[], removals: readonly Change[], answerDue: boolean): void {
    this.#answerDue = answerDue && additions.length > 0;
    if (additions.length + removals.length === 0) return;
    for (const change of [...additions, ...removals]) {
      if (change.asked) this.#owe([change.name]);
      this.#except(change.name, change.asked ? undefined : change.held);
    }
  }
}
