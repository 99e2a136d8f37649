// A clock that nobody sets: it counts from the start of the process, so that a lease is neither lost nor kept too long because
// the time of day was corrected.

import { performance } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import type { Clock } from '../../ca/clock.ts';

export const steadyClock: Clock = Object.freeze({
  now: () => performance.timeOrigin + performance.now(),
  sleep: async (ms: number, signal: AbortSignal) => {
    // An abort ends the pause by a rejection, which is an ordinary end here.
    await pause(Math.max(0, ms), undefined, { signal }).catch(() => undefined);
  },
});
