// Time as the certificate authority sees it: what it is now, and a pause that a signal can end. Tests pass a clock that
// they move by hand.
import { setTimeout as pause } from 'node:timers/promises';

export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number;
  /** Resolves after `ms` milliseconds, or as soon as the signal aborts; never rejects. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

// A timer of Node holds a signed 32-bit number of milliseconds; a longer pause is made of several.
const maxTimerMs = 2 ** 31 - 1;

export const systemClock: Clock = Object.freeze({
  now: () => Date.now(),
  sleep: async (ms: number, signal: AbortSignal) => {
    const endMs = Date.now() + ms;
    for (let leftMs = ms; leftMs > 0 && !signal.aborted; leftMs = endMs - Date.now()) {
      try {
        await pause(Math.min(leftMs, maxTimerMs), undefined, { signal, ref: false });
      } catch {
        return; // Only an abort rejects, and that is an ordinary end of the pause.
      }
    }
  },
});
