// Keeps one object of those that many others hold equal copies of (labels, identities, ports), so that ten replicas of a workload
// hold them once. In: a value. Out: an equal one, where it is known the same as before. Bounded: what was not asked for since
// two generations is forgotten, and then held twice at worst.

import { isDeepStrictEqual } from 'node:util';

const maxValues = 1_000;

export class SharedValues<Value extends object> {
  #young = new Map<string, Value>();
  #old = new Map<string, Value>();

  /** `before`: what its holder held until now. */
  share(value: Value, before?: Value): Value {
    if (before !== undefined && isDeepStrictEqual(before, value)) return before;
    const key = JSON.stringify(value);
    const young = this.#young.get(key);
    if (young !== undefined) return young;
    const kept = this.#old.get(key) ?? value;
    if (this.#young.size >= maxValues / 2) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(key, kept);
    return kept;
  }
}
