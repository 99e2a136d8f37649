// A map over another one: what is set and deleted here stays here, everything else is read from the one below, as it is at that moment.
// The order is that of the map below, then that in which other keys came.

export class OverlayMap<K, V> extends Map<K, V> {
  readonly #below: ReadonlyMap<K, V>;
  /** Undefined: deleted here. */
  readonly #own: Map<K, { readonly value: V } | undefined>;

  constructor(below: ReadonlyMap<K, V>) {
    super();
    this.#below = below;
    this.#own = new Map();
  }

  override get(key: K): V | undefined {
    return this.#own.has(key) ? this.#own.get(key)?.value : this.#below.get(key);
  }

  override has(key: K): boolean {
    return this.#own.has(key) ? this.#own.get(key) !== undefined : this.#below.has(key);
  }

  override set(key: K, value: V): this {
    this.#own.set(key, { value });
    return this;
  }

  override delete(key: K): boolean {
    const was = this.has(key);
    this.#own.set(key, undefined);
    return was;
  }

  override clear(): void {
    for (const key of this.keys()) this.delete(key);
  }

  override get size(): number {
    let { size } = this.#below;
    for (const [key, own] of this.#own) size += Number(own !== undefined) - Number(this.#below.has(key));
    return size;
  }

  override *entries(): MapIterator<[K, V]> {
    for (const [key, value] of this.#below) {
      if (!this.#own.has(key)) yield [key, value];
      else {
        const own = this.#own.get(key);
        if (own !== undefined) yield [key, own.value];
      }
    }
    for (const [key, own] of this.#own) if (own !== undefined && !this.#below.has(key)) yield [key, own.value];
  }

  override *keys(): MapIterator<K> {
    for (const [key] of this.entries()) yield key;
  }

  override *values(): MapIterator<V> {
    for (const [, value] of this.entries()) yield value;
  }

  override [Symbol.iterator](): MapIterator<[K, V]> {
    return this.entries();
  }

  override forEach(callback: (value: V, key: K, map: Map<K, V>) => void): void {
    for (const [key, value] of this.entries()) callback(value, key, this);
  }
}

/** An empty map, or one over `below`. */
export function mapOver<K, V>(below: ReadonlyMap<K, V> | undefined): Map<K, V> {
  return below === undefined ? new Map<K, V>() : new OverlayMap(below);
}
