// So many at once and no more: whoever comes later waits until one is done, in the order in which they came.

export class Places {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  /** `count`: at least 1. */
  constructor(count: number) {
    this.#free = count;
  }

  /** What `work` gives, once there was a place for it. */
  async hold<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      // Handed on rather than given back, so that nobody comes in between.
      if (next === undefined) this.#free += 1;
      else next();
    }
  }
}
