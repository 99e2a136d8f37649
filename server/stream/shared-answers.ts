// What streams in the same state are to be sent, worked out once for all of them: the replicas of a workload hold the
// same snapshot and ask for the same names, so they lack the same resources, and the response is the same bytes but for its nonce.

import type { EncodedResource } from '../cache/encoded-resource.ts';
import { SnapshotDifferences } from '../cache/snapshot-differences.ts';
import type { TypeSnapshot } from '../cache/type-snapshot.ts';
import type { TakeOptions } from './choose-changes.ts';
import { encodeDeltaEnvelope, type DeltaEnvelope } from './encode-response.ts';
import type { NameSet } from './name-set.ts';
import type { Pending } from './pending-changes.ts';
import type { Batch, Taken } from './response-batch.ts';

/** All that decides what a stream lacks, when it holds exactly a snapshot (or nothing at all) and no exceptions to it. */
export interface SharedState {
  readonly held: TypeSnapshot;
  readonly target: TypeSnapshot;
  readonly names: NameSet;
  /** Names of the route configurations that virtual hosts follow; the empty set for other types. */
  readonly parentNames: NameSet;
  readonly typeUrl: string;
  /** Whatever else there is, a bit each. */
  readonly flags: number;
}

/** Forgets what it knows with the snapshots that it is about. */
export class SharedAnswers {
  readonly differences = new SnapshotDifferences();
  /** Resources that some client could not take. */
  readonly suspects = new WeakSet<EncodedResource>();
  readonly #pending = new WeakMap<TypeSnapshot, WeakMap<TypeSnapshot, ByNames>>();
  readonly #taken = new WeakMap<Pending, Map<number, SharedTaken>>();
  readonly #envelopes = new WeakMap<Batch, DeltaEnvelope>();
  readonly #shared = new WeakSet<Batch>();
  /** What was found last, until the end of the turn: the streams that a change concerns ask one after the other. */
  #last: Found | undefined;

  /** What a stream in this state lacks; `undefined` when nothing. */
  pending(state: SharedState, compare: () => Pending | undefined): Pending | undefined {
    const last = this.#last;
    if (last !== undefined && isSame(state, last.state)) return last.pending;
    const pending = this.#pendingOf(state, compare);
    if (last === undefined) queueMicrotask(() => (this.#last = undefined));
    this.#last = { state, pending, taken: undefined, envelope: undefined };
    return pending;
  }

  /** What is taken out of `pending`, which may be shared or not. */
  taken(pending: Pending, options: TakeOptions, take: () => Taken): Taken {
    const key = Number(options.additions) + 2 * Number(options.removals);
    const last = this.#last?.pending === pending ? this.#last : undefined;
    if (last?.taken?.key === key && last.taken.maxBytes === options.maxBytes) return last.taken.taken;
    const known = this.#taken.get(pending);
    if (known === undefined) return take();
    let found = known.get(key);
    if (found?.maxBytes !== options.maxBytes) {
      found = { key, maxBytes: options.maxBytes, taken: take() };
      known.set(key, found);
      if (found.taken.batch !== undefined) this.#shared.add(found.taken.batch);
      if (found.taken.rest !== undefined) this.#share(found.taken.rest);
    }
    if (last !== undefined && last.taken !== found) {
      last.taken = found;
      last.envelope = undefined;
    }
    return found.taken;
  }

  /** The batch as a delta response that lacks only its nonce. */
  envelope(batch: Batch, typeUrl: string): DeltaEnvelope {
    const last = this.#last?.taken?.taken.batch === batch ? this.#last : undefined;
    if (last?.envelope !== undefined) return last.envelope;
    const envelope = this.#envelopes.get(batch) ?? encodeDeltaEnvelope(batch, typeUrl);
    if (this.#shared.has(batch)) this.#envelopes.set(batch, envelope);
    if (last !== undefined) last.envelope = envelope;
    return envelope;
  }

  #pendingOf(state: SharedState, compare: () => Pending | undefined): Pending | undefined {
    const { held, target, names, parentNames, typeUrl, flags } = state;
    const byTarget = getOrAdd(this.#pending, held, () => new WeakMap<TypeSnapshot, ByNames>());
    const byNames = getOrAdd(byTarget, target, (): ByNames => new WeakMap());
    const byParent = getOrAdd(byNames, names, () => new WeakMap<NameSet, ByType>());
    const byType = getOrAdd(byParent, parentNames, (): ByType => new Map());
    const byFlags = getOrAdd(byType, typeUrl, (): ByFlags => new Map());
    const known = byFlags.get(flags);
    if (known === 'nothing') return undefined;
    const found = known?.deref();
    if (found !== undefined) return found;
    const pending = compare();
    byFlags.set(flags, pending === undefined ? 'nothing' : new WeakRef(pending));
    if (pending !== undefined) this.#share(pending);
    return pending;
  }

  /** From now on what is taken out of it is the same for all. */
  #share(pending: Pending): void {
    this.#taken.set(pending, new Map());
  }
}

/** Of one state, as far as it was asked for. */
interface Found {
  readonly state: SharedState;
  readonly pending: Pending | undefined;
  taken: SharedTaken | undefined;
  /** Of the batch that was taken. */
  envelope: DeltaEnvelope | undefined;
}

interface SharedTaken {
  /** Whether additions may go, and removals. */
  readonly key: number;
  readonly maxBytes: number;
  readonly taken: Taken;
}

/**
 * Weak: a burst of streams shares what one of them found, and a class of proxies of which none is connecting holds no
 * second copy of all its bytes.
 */
type ByFlags = Map<number, WeakRef<Pending> | 'nothing'>;
type ByType = Map<string, ByFlags>;
type ByNames = WeakMap<NameSet, WeakMap<NameSet, ByType>>;

function isSame(one: SharedState, other: SharedState): boolean {
  return (
    one.target === other.target &&
    one.held === other.held &&
    one.names === other.names &&
    one.parentNames === other.parentNames &&
    one.typeUrl === other.typeUrl &&
    one.flags === other.flags
  );
}

interface Store<Key, Value> {
  get(key: Key): Value | undefined;
  set(key: Key, value: Value): unknown;
}

function getOrAdd<Key, Value>(map: Store<Key, Value>, key: Key, make: () => Value): Value {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}
