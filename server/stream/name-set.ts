// Immutable sets of resource names, shared by all streams that ask for the same names: the replicas of one workload
// subscribe to the same thousand clusters, and keep one set between them.

import type { ResourceName } from '../cache/encoded-resource.ts';

/** Immutable. Two sums over the names' hashes identify it whatever order the names came in. */
export class NameSet {
  readonly #names: ReadonlySet<ResourceName>;
  readonly #sums: readonly [number, number];

  private constructor(names: ReadonlySet<ResourceName>, sums: readonly [number, number]) {
    this.#names = names;
    this.#sums = sums;
  }

  static readonly empty: NameSet = new NameSet(new Set(), [0, 0]);

  get size(): number {
    return this.#names.size;
  }

  /** Equal sets have equal keys; sets with equal keys are nearly always equal. */
  get key(): string {
    return `${this.size}:${this.#sums[0]}:${this.#sums[1]}`;
  }

  has(name: ResourceName): boolean {
    return this.#names.has(name);
  }

  [Symbol.iterator](): IterableIterator<ResourceName> {
    return this.#names[Symbol.iterator]();
  }

  /** This set when nothing differs, else a copy. A name in both lists ends up in the set. */
  with(change: NameChange): NameSet {
    let names: Set<ResourceName> | undefined;
    let [first, second] = this.#sums;
    for (const name of change.removed) {
      if (!(names ?? this.#names).has(name)) continue;
      names ??= new Set(this.#names);
      names.delete(name);
      first = (first - hashOf(name, firstSeed)) | 0;
      second = (second - hashOf(name, secondSeed)) | 0;
    }
    for (const name of change.added) {
      if ((names ?? this.#names).has(name)) continue;
      names ??= new Set(this.#names);
      names.add(name);
      first = (first + hashOf(name, firstSeed)) | 0;
      second = (second + hashOf(name, secondSeed)) | 0;
    }
    return names === undefined ? this : new NameSet(names, [first, second]);
  }

  equals(other: NameSet): boolean {
    if (other === this) return true;
    if (other.key !== this.key) return false;
    for (const name of this.#names) if (!other.has(name)) return false;
    return true;
  }
}

export interface NameChange {
  readonly added: Iterable<ResourceName>;
  readonly removed: Iterable<ResourceName>;
}

/** Every set in use, each once. Holds them weakly: a set that no stream uses goes away by itself. */
export class NameSetPool {
  readonly #sets = new Map<string, WeakRef<NameSet>>();
  readonly #collected = new FinalizationRegistry<string>((key) => {
    if (this.#sets.get(key)?.deref() === undefined) this.#sets.delete(key);
  });

  /** The set in the pool that equals `set`; `set` itself when it is the first of its kind. */
  intern(set: NameSet): NameSet {
    if (set.size === 0) return NameSet.empty;
    const key = set.key;
    const pooled = this.#sets.get(key)?.deref();
    if (pooled !== undefined) return pooled.equals(set) ? pooled : set;
    this.#sets.set(key, new WeakRef(set));
    this.#collected.register(set, key);
    return set;
  }
}

const firstSeed = 0x811c9dc5;
const secondSeed = 0x1b873593;

/** FNV-1a with a last mixing step, so that the sums of similar names differ. */
function hashOf(name: string, seed: number): number {
  let hash = seed;
  for (let index = 0; index < name.length; index += 1) hash = Math.imul(hash ^ name.charCodeAt(index), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
}
