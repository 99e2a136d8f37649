// How long to wait before trying again: doubling from a first delay to a longest one, each spread over half to all of it, so that
// many that failed together do not come back together. Pure.

export type BackOff = {
  readonly firstMs: number;
  readonly longestMs: number;
};

/** The delay after `failures` failures in a row (1 for the first). `random` gives numbers from 0 up to 1. */
export function delayAfterFailures({ firstMs, longestMs }: BackOff, failures: number, random: () => number): number {
  const full = Math.min(longestMs, firstMs * 2 ** Math.min(failures - 1, 30));
  return full * (0.5 + random() / 2);
}
