// Waits for what is observed: asks again until a check holds or a deadline passes. In: a function that observes and a check.
// Out: the observation that passed, or an error that carries the last one seen.

import { inspect } from 'node:util';
import { setTimeout as delay } from 'node:timers/promises';

export type WaitOptions = {
  /** What is waited for, in words: it opens the error. */
  readonly what: string;
  readonly timeoutMs?: number;
  readonly intervalMs?: number;
  readonly signal?: AbortSignal;
};

/** Resolves to the first observation for which `holds` is true. An observation that throws counts as "not yet". */
export async function waitFor<T>(
  observe: () => T | Promise<T>,
  holds: (observed: T) => boolean,
  options: WaitOptions,
): Promise<T> {
  const timeoutMs = options.timeoutMs ?? 15_000;
  const deadline = performance.now() + timeoutMs;
  let last = 'nothing yet';
  for (;;) {
    options.signal?.throwIfAborted();
    try {
      const observed = await observe();
      if (holds(observed)) return observed;
      last = describe(observed);
    } catch (error) {
      last = `an error: ${error instanceof Error ? error.message : String(error)}`;
    }
    if (performance.now() >= deadline) {
      throw new Error(`waited ${timeoutMs} ms for ${options.what}; last seen: ${last}`);
    }
    await delay(options.intervalMs ?? 50, undefined, { signal: options.signal });
  }
}

/** Resolves to what was observed when it has stayed the same from one look to the next, half a second later unless said. */
export async function waitUntilSame<T>(observe: () => T | Promise<T>, options: WaitOptions): Promise<T> {
  let before: { readonly observed: T } | undefined;
  return waitFor(
    observe,
    (observed) => {
      const isSame = before?.observed === observed;
      before = { observed };
      return isSame;
    },
    { intervalMs: 500, ...options },
  );
}

function describe(value: unknown): string {
  const text = typeof value === 'string' ? value : inspect(value, { depth: 6, breakLength: 120 });
  return text.length > 4000 ? `${text.slice(0, 4000)}… (${text.length} characters)` : text;
}
