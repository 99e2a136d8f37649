// How long to wait before trying again, spread so that many that failed together do not come back together. Pure.

/** Numbers from 0 up to 1. */
export type Random = () => number;

export interface BackOff {
  readonly firstMs: number;
  readonly longestMs: number;
}

/** Milliseconds after `failures` failures in a row (1 for the first): doubling, each spread over half to all of it. */
export function backOffMs({ firstMs, longestMs }: BackOff, failures: number, random: Random): number {
  const full = Math.min(longestMs, firstMs * 2 ** Math.min(Math.max(0, failures - 1), 30));
  return full * (0.5 + random() / 2);
}

/** `ms` spread over 80 to 120 %. */
export function jittered(ms: number, random: Random): number {
  return ms * (0.8 + random() * 0.4);
}
