// Work that can wait, in order and in slices: what a newcomer asks for is worked off for some milliseconds, then every
// event that has come meanwhile is handled (a change and its pushes among them), then the next slice begins.

export interface TurnsOptions {
  readonly sliceMs: number;
  /** When all other work between two slices took longer than this, a slice is one piece of work. */
  readonly maxLagMs: number;
  /** Milliseconds of a clock that only goes forward. */
  readonly now: () => number;
  /** Calls back once the events that wait now are handled, as `setImmediate` does. */
  readonly afterEvents: (run: () => void) => void;
}

export class Turns {
  readonly #options: TurnsOptions;
  /** In the order of coming. */
  readonly #waiting: (() => void)[] = [];
  /** How many at the head of `#waiting` are done. */
  #head = 0;
  /** Set from the first work of a turn of the event loop until the next turn. */
  #sliceEndsMs: number | undefined;

  constructor(options: TurnsOptions) {
    this.#options = options;
  }

  get waiting(): number {
    return this.#waiting.length - this.#head;
  }

  /** Does the work at once when nobody waits and the slice is not over, else when its turn comes. It may not throw. */
  take(work: () => void): void {
    if (this.#sliceEndsMs === undefined) this.#begin(this.#options.sliceMs);
    if (this.waiting === 0 && this.#options.now() < (this.#sliceEndsMs ?? 0)) work();
    else this.#waiting.push(work);
  }

  #begin(lengthMs: number): void {
    const { now, afterEvents } = this.#options;
    const startedMs = now();
    this.#sliceEndsMs = startedMs + lengthMs;
    afterEvents(() => this.#next());
  }

  #next(): void {
    const { now, maxLagMs, sliceMs } = this.#options;
    if (this.waiting === 0) {
      this.#sliceEndsMs = undefined;
      return;
    }
    const othersMs = now() - (this.#sliceEndsMs ?? 0);
    this.#begin(othersMs > maxLagMs ? 0 : sliceMs);
    do {
      const work = this.#waiting[this.#head];
      this.#head += 1;
      work?.();
    } while (this.waiting > 0 && now() < (this.#sliceEndsMs ?? 0));
    // What is done is dropped in bulk, so that a long queue is not moved with each piece of work.
    if (this.#head * 2 < this.#waiting.length) return;
    this.#waiting.splice(0, this.#head);
    this.#head = 0;
  }
}
