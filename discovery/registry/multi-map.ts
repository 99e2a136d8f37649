// From a key to the things filed under it; a key without things takes no memory, and one with a single thing no set.

const nothing: readonly never[] = Object.freeze([]);

export class MultiMap<K, V extends string> {
  readonly #filed = new Map<K, V | Set<V>>();

  add(key: K, value: V): void {
    const filed = this.#filed.get(key);
    if (filed === undefined) this.#filed.set(key, value);
    else if (typeof filed !== 'string') filed.add(value);
    else if (filed !== value) this.#filed.set(key, new Set([filed, value]));
  }

  delete(key: K, value: V): void {
    const filed = this.#filed.get(key);
    if (filed === undefined) return;
    if (typeof filed !== 'string') {
      filed.delete(value);
      if (filed.size === 0) this.#filed.delete(key);
    } else if (filed === value) this.#filed.delete(key);
  }

  get(key: K): Iterable<V> {
    const filed = this.#filed.get(key);
    if (filed === undefined) return nothing;
    return typeof filed === 'string' ? [filed] : filed;
  }
}
