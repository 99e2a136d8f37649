// An immutable map from strings whose changed copies share all but a few hundred entries with the original, so that a
// change of one entry costs the same in a map of ten and of ten thousand, and two versions are compared by what differs.

const bucketCount = 256;

type Bucket<K, V> = ReadonlyMap<K, V>;

/** Immutable; iteration order is by bucket, not by insertion. Sort before order can reach the wire. */
export class PersistentMap<K extends string, V> {
  readonly size: number;
  readonly #buckets: readonly (Bucket<K, V> | undefined)[];

  private constructor(buckets: readonly (Bucket<K, V> | undefined)[], size: number) {
    this.#buckets = buckets;
    this.size = size;
  }

  static empty<K extends string, V>(): PersistentMap<K, V> {
    return new PersistentMap<K, V>([], 0);
  }

  static from<K extends string, V>(entries: Iterable<readonly [K, V]>): PersistentMap<K, V> {
    return PersistentMap.empty<K, V>().with(entries);
  }

  get(key: K): V | undefined {
    return this.#buckets[bucketOf(key)]?.get(key);
  }

  has(key: K): boolean {
    return this.#buckets[bucketOf(key)]?.has(key) ?? false;
  }

  /** A copy in which the given entries are set; `undefined` removes. Returns this map when nothing differs (by `===`). */
  with(changes: Iterable<readonly [K, V | undefined]>): PersistentMap<K, V> {
    const edited = new Map<number, Map<K, V>>();
    let size = this.size;
    for (const [key, value] of changes) {
      const index = bucketOf(key);
      const current = edited.get(index) ?? this.#buckets[index];
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
    if (edited.size === 0) return this;
    const buckets: (Bucket<K, V> | undefined)[] = Array.from(
      { length: bucketCount },
      (_, index) => this.#buckets[index],
    );
    for (const [index, bucket] of edited) buckets[index] = bucket.size === 0 ? undefined : bucket;
    return new PersistentMap<K, V>(buckets, size);
  }

  *entries(): Generator<[K, V]> {
    for (const bucket of this.#buckets) {
      if (bucket === undefined) continue;
      for (const [key, value] of bucket) yield [key, value];
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
    for (let index = 0; index < bucketCount; index += 1) {
      const now = this.#buckets[index];
      const then = before.#buckets[index];
      if (now === then) continue;
      for (const [key, value] of now ?? []) if (then?.get(key) !== value) yield key;
      for (const key of then?.keys() ?? []) if (now?.has(key) !== true) yield key;
    }
  }
}

/** FNV-1a folded to a bucket. */
function bucketOf(key: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < key.length; index += 1) {
    hash = Math.imul(hash ^ key.charCodeAt(index), 0x01000193);
  }
  return ((hash >>> 16) ^ hash) & (bucketCount - 1);
}
