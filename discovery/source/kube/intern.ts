// Keeps one copy of strings that come again and again (labels, namespaces, node names), so that ten thousand parsed objects
// do not hold ten thousand copies. Bounded: what was not asked for since two generations is forgotten.

export class Interner {
  readonly #maxStrings: number;
  #young = new Map<string, string>();
  #old = new Map<string, string>();

  /** Holds at most `maxStrings` strings, of at most 256 characters each. */
  constructor(maxStrings = 20_000) {
    this.#maxStrings = maxStrings;
  }

  get size(): number {
    return this.#young.size + this.#old.size;
  }

  /** An equal string, the same one for equal arguments. */
  intern(text: string): string {
    if (text.length > 256) return text;
    const young = this.#young.get(text);
    if (young !== undefined) return young;
    const kept = this.#old.get(text) ?? text;
    if (this.#young.size >= this.#maxStrings / 2) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(kept, kept);
    return kept;
  }
}
