// What a client may do of those things that cost a server work and move nothing: resets, pings, settings, empty frames.

import { tooMuch, type Fault } from './faults.ts';

/** So many at once, … */
const burst = 2000;
/** … and so many a second after that. A client that measures its path pings once for each message that it is sent. */
const perSecond = 1000;

/** Opening a stream that is reset costs the server far more than the client, whichever of them resets it. */
export const resetCost = 10;

export class FloodBudget {
  #left = burst;
  #sinceMs = performance.now();

  /**
   * For a message that a client is sent it may tell that it has read it, and measure how long that took. For a part of one it
   * earns by its size alone: a client that opens a window byte by byte asks for work with each.
   */
  earn(sentBytes: number, endsMessage: boolean): void {
    this.#left = Math.min(burst, this.#left + (endsMessage ? 2 : 0) + sentBytes / 1024);
  }

  /** False when it is used up. `cost`: in pings. */
  spend(cost = 1): boolean {
    this.#left -= cost;
    if (this.#left >= 0) return true;
    const nowMs = performance.now();
    const earned = ((nowMs - this.#sinceMs) * perSecond) / 1000;
    this.#sinceMs = nowMs;
    this.#left = Math.min(burst, this.#left + earned);
    return this.#left >= 0;
  }

  /** The end of the connection when it is used up. `what`: of which there are too many. */
  charge(what: string, cost = 1): Fault | undefined {
    return this.spend(cost) ? undefined : tooMuch(`too many ${what}`);
  }
}
