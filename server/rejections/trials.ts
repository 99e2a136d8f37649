// Objects that were taken back together, because any of them may be to blame: each is put in force again once, alone, and the innocent
// ones stay. In: the objects. Out: one release after the other, with time for proxies to reject it again.

import type { ObjectKey } from '../../discovery/model/names.ts';

/** Objects that wait. */
const maxWaiting = 64;

export interface TrialsOptions {
  /** Puts the object in force again, if it is held back. */
  readonly release: (key: ObjectKey) => void;
  readonly trialMs: number;
}

export class Trials {
  readonly #options: TrialsOptions;
  #waiting: ObjectKey[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(options: TrialsOptions) {
    this.#options = options;
  }

  /** What there is no room for stays held back. */
  add(objects: readonly ObjectKey[]): void {
    this.#waiting = [...this.#waiting, ...objects].slice(0, maxWaiting);
    this.#timer ??= setTimeout(() => this.#next(), this.#options.trialMs);
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  #next(): void {
    this.#timer = undefined;
    const key = this.#waiting.shift();
    if (key === undefined) return;
    this.#options.release(key);
    this.#timer = setTimeout(() => this.#next(), this.#options.trialMs);
  }
}
