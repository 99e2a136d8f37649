// How long the event loop keeps others waiting while something goes on, in two ways.

import { monitorEventLoopDelay, performance } from 'node:perf_hooks';

/** Milliseconds. */
export interface LoopDelay {
  /** Of `monitorEventLoopDelay` with a resolution of 1 ms: from one firing of its timer to the next, so 1 when nothing waits. */
  readonly p50: number;
  readonly p99: number;
  readonly longest: number;
  /**
   * What 99 of 100 events wait at most when they come at any time. A long turn is a single firing of the timer however
   * long it is, but all that comes meanwhile waits: this counts each turn by its length.
   */
  readonly arrivalP99: number;
}

const resolutionMs = 1;

/** Watches from now until the returned function is called. */
export function watchLoop(): () => LoopDelay {
  const histogram = monitorEventLoopDelay({ resolution: resolutionMs });
  const lateMs: number[] = [];
  const startMs = performance.now();
  let lastMs = startMs;
  const timer = setInterval(() => {
    const nowMs = performance.now();
    lateMs.push(nowMs - lastMs - resolutionMs);
    lastMs = nowMs;
  }, resolutionMs);
  histogram.enable();
  return () => {
    histogram.disable();
    clearInterval(timer);
    const ms = (nanoseconds: number): number => nanoseconds / 1e6;
    return {
      p50: ms(histogram.percentile(50)),
      p99: ms(histogram.percentile(99)),
      longest: ms(histogram.max),
      arrivalP99: arrivalWait(lateMs, { overMs: performance.now() - startMs, share: 0.99 }),
    };
  };
}

/**
 * What the share of events waits at most, in milliseconds, when they come evenly over the time and whoever comes during
 * a turn waits for its end.
 */
export function arrivalWait(
  turnsMs: readonly number[],
  { overMs, share }: { readonly overMs: number; readonly share: number },
): number {
  // Longest first: of a turn of t ms, events of t - w ms wait longer than w.
  const sorted = turnsMs.toSorted((one, other) => other - one);
  const allowedMs = (1 - share) * overMs;
  let sum = 0;
  for (const [index, turnMs] of sorted.entries()) {
    sum += turnMs;
    const waitMs = (sum - allowedMs) / (index + 1);
    if (waitMs >= (sorted[index + 1] ?? 0)) return Math.max(0, waitMs);
  }
  return 0;
}
