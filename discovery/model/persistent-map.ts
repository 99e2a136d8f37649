// An immutable map from strings whose changed copies share all but a few entries with the original, so that a change of one entry
// costs nearly the same in a map of ten and of ten thousand, and two versions are compared by what differs. Buckets of entries are
// held in groups, so that a change copies two short lists and one bucket.

/** Of groups, and of buckets in each. */
const width = 16;

type Bucket<K, V> = ReadonlyMap<K, V>;
type Group<K, V> = readonly (Bucket<K, V> | undefined)[];
type Groups<K, V> = readonly (Group<K, V> | undefined)[];

const nothing: readonly undefined[] = Object.freeze(Array.from({ length: width }, () => undefined));

/** Immutable; iteration order is by bucket, not by insertion. Sort before order can reach the wire. */
export class PersistentMap<K extends string, V> {
  readonly size: number;
  readonly #groups: Groups<K, V>;

  private constructor(groups: Groups<K, V>, size: number) {
    this.#groups = groups;
    this.size = size;
  }

  static empty<K extends string, V>(): PersistentMap<K, V> {
    return new PersistentMap<K, V>(nothing, 0);
  }

  static from<K extends string, V>(entries: Iterable<readonly [K, V]>): PersistentMap<K, V> {
    return PersistentMap.empty<K, V>().with(entries);
  }

  get(key: K): V | undefined {
    const index = bucketOf(key);
    return this.#groups[groupOf(index)]?.[index % width]?.get(key);
  }

  has(key: K): boolean {
    const index = bucketOf(key);
    return this.#groups[groupOf(index)]?.[index % width]?.has(key) ?? false;
  }

  /** A copy in which the given entries are set; `undefined` removes. Returns this map when nothing differs (by `===`). */
  with(changes: Iterable<readonly [K, V | undefined]>): PersistentMap<K, V> {
    const edited = new Map<number, Map<K, V>>();
    let size = this.size;
    for (const [key, value] of changes) {
      const index = bucketOf(key);
      const current = edited.get(index) ?? this.#groups[groupOf(index)]?.[index % width];
      const old = current?.get(key);
      if (old === value) continue;
      const bucket = edited.get(index) ?? new Map(current);
      if (value === undefined) {
        bucket.delete(key);
        size -= 1;
      } else {
        if (old === undefined) size += 1;
        bucket.set(key, value);
      }
      edited.set(index, bucket);
    }
    return edited.size === 0 ? this : new PersistentMap<K, V>(this.#replace(edited), size);
  }

  *entries(): Generator<[K, V]> {
    for (const group of this.#groups) {
      for (const bucket of group ?? nothing) {
        if (bucket === undefined) continue;
        for (const [key, value] of bucket) yield [key, value];
      }
    }
  }

  *keys(): Generator<K> {
    for (const [key] of this.entries()) yield key;
  }

  *values(): Generator<V> {
    for (const [, value] of this.entries()) yield value;
  }

  [Symbol.iterator](): Generator<[K, V]> {
    return this.entries();
  }

  /** Keys whose values differ (by `===`) from `before`, including keys that only one of the two has. */
  *changedSince(before: PersistentMap<K, V>): Generator<K> {
    if (before === this) return;
    for (let group = 0; group < width; group += 1) {
      const buckets: Group<K, V> = this.#groups[group] ?? nothing;
      const old: Group<K, V> = before.#groups[group] ?? nothing;
      if (buckets === old) continue;
      for (let index = 0; index < width; index += 1) {
        const now = buckets[index];
        const then = old[index];
        if (now === then) continue;
        for (const [key, value] of now ?? []) if (then?.get(key) !== value) yield key;
        for (const key of then?.keys() ?? []) if (now?.has(key) !== true) yield key;
      }
    }
  }

  #replace(edited: ReadonlyMap<number, Bucket<K, V>>): Groups<K, V> {
    const groups = [...this.#groups];
    const copied = new Map<number, (Bucket<K, V> | undefined)[]>();
    for (const [index, bucket] of edited) {
      const group = groupOf(index);
      const buckets = copied.get(group) ?? [...(groups[group] ?? nothing)];
      buckets[index % width] = bucket.size === 0 ? undefined : bucket;
      copied.set(group, buckets);
      groups[group] = buckets;
    }
    return groups;
  }
}

function groupOf(bucket: number): number {
  return Math.floor(bucket / width);
}

/** FNV-1a folded to a bucket. */
function bucketOf(key: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < key.length; index += 1) {
    hash = Math.imul(hash ^ key.charCodeAt(index), 0x01000193);
  }
  return ((hash >>> 16) ^ hash) & (width * width - 1);
}
