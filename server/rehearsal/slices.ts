// Events that follow from one another, in slices between which all other events of the process are handled. In: what begins.
// Out: how long the event loop had to do with it.

import { setImmediate as otherEvents } from 'node:timers/promises';

export interface SlicesOptions {
  /** A slice ends with the first event after so much time. */
  readonly sliceMs: number;
  /** Of all slices. */
  readonly maxMs: number;
  /** Looked at before each slice. */
  readonly over: () => boolean;
}

export class Slices {
  readonly #options: SlicesOptions;
  /** In order; what comes of one event is never more than a few for each proxy. */
  readonly #events: (() => void)[] = [];
  #tookMs = 0;

  constructor(options: SlicesOptions) {
    this.#options = options;
  }

  /** So far, of the event loop. */
  get tookMs(): number {
    return this.#tookMs;
  }

  /** Nothing happens any more. */
  get over(): boolean {
    return this.#tookMs >= this.#options.maxMs || this.#options.over();
  }

  /** After what is under way. */
  readonly later = (event: () => void): void => void this.#events.push(event);

  /** Resolves once nothing follows any more, or it is over. */
  async play(begin: () => void): Promise<void> {
    this.#events.push(begin);
    while (this.#events.length > 0 && !this.over) {
      const startedMs = performance.now();
      do this.#events.shift()?.();
      while (this.#events.length > 0 && performance.now() - startedMs < this.#options.sliceMs);
      await restOfTurn();
      this.#tookMs += performance.now() - startedMs;
      await otherEvents();
    }
  }
}

/** Promises and streams go on in the same turn of the event loop. */
function restOfTurn(): Promise<void> {
  return new Promise((resolve) => {
    process.nextTick(resolve);
  });
}
