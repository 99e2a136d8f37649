// Time as a source sees it: what it is now, and a pause that a signal can end. Tests pass a clock that they move by hand.

import { setTimeout as pause } from 'node:timers/promises';

export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number;
  /** Resolves after `ms` milliseconds, or as soon as the signal aborts; never rejects. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

export const systemClock: Clock = Object.freeze({
  now: () => Date.now(),
  sleep: async (ms: number, signal: AbortSignal) => {
    // An abort ends the pause by a rejection, which is an ordinary end here.
    await pause(Math.max(0, ms), undefined, { signal }).catch(() => undefined);
  },
});
