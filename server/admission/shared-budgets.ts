// Budgets by key, each shared by all who have joined it. One that nobody has is forgotten as soon as it is as good as a new one:
// whoever leaves and comes back gains nothing, and what is remembered was used lately.

export interface Budget {
  /** Milliseconds until it is as good as new; 0 when it is. */
  readonly wholeInMs: number;
  readonly onForgotten?: (() => void) | undefined;
}

interface Entry<B> {
  readonly budget: B;
  users: number;
  /** It is looked at later. */
  isWaiting: boolean;
}

export class SharedBudgets<B extends Budget> {
  readonly #after: (ms: number, run: () => void) => void;
  readonly #entries = new Map<string, Entry<B>>();

  /** `after` calls back after so many milliseconds. */
  constructor(after: (ms: number, run: () => void) => void) {
    this.#after = after;
  }

  /** How many are remembered. */
  get size(): number {
    return this.#entries.size;
  }

  /** The budget of the key, for one user more. */
  join(key: string, make: () => B): B {
    let entry = this.#entries.get(key);
    if (entry === undefined) {
      entry = { budget: make(), users: 0, isWaiting: false };
      this.#entries.set(key, entry);
    }
    entry.users += 1;
    return entry.budget;
  }

  /** Called once for each `join`. */
  leave(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    entry.users -= 1;
    if (!entry.isWaiting) this.#forget(key, entry);
  }

  #forget(key: string, entry: Entry<B>): void {
    entry.isWaiting = false;
    if (entry.users > 0) return;
    const { wholeInMs, onForgotten } = entry.budget;
    if (wholeInMs === 0) {
      this.#entries.delete(key);
      onForgotten?.();
      return;
    }
    entry.isWaiting = true;
    this.#after(Math.ceil(wholeInMs), () => this.#forget(key, entry));
  }
}
