// From a key to the things filed under it; a key without things takes no memory, and one with a single thing no set. One over another
// files and removes for itself alone, and reads what the other has at that moment.

const nothing: readonly never[] = Object.freeze([]);

export class MultiMap<K, V extends string> {
  readonly #filed = new Map<K, V | Set<V>>();
  readonly #below: MultiMap<K, V> | undefined;
  /** What was removed here of what the one below has. */
  readonly #removed: MultiMap<K, V> | undefined;

  constructor(below?: MultiMap<K, V>) {
    this.#below = below;
    this.#removed = below === undefined ? undefined : new MultiMap<K, V>();
  }

  add(key: K, value: V): void {
    this.#removed?.delete(key, value);
    const filed = this.#filed.get(key);
    if (filed === undefined) this.#filed.set(key, value);
    else if (typeof filed !== 'string') filed.add(value);
    else if (filed !== value) this.#filed.set(key, new Set([filed, value]));
  }

  delete(key: K, value: V): void {
    this.#removed?.add(key, value);
    const filed = this.#filed.get(key);
    if (filed === undefined) return;
    if (typeof filed !== 'string') {
      filed.delete(value);
      if (filed.size === 0) this.#filed.delete(key);
    } else if (filed === value) this.#filed.delete(key);
  }

  get(key: K): Iterable<V> {
    const filed = this.#filed.get(key);
    const own = filed === undefined ? nothing : typeof filed === 'string' ? [filed] : filed;
    if (this.#below === undefined) return own;
    const removed = new Set(this.#removed?.get(key));
    return new Set([...this.#below.get(key)].filter((value) => !removed.has(value))).union(new Set(own));
  }
}
