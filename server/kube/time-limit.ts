// Gives an action a signal that aborts after some time on an injected clock, or when another signal aborts.

import type { Clock } from '../../ca/clock.ts';

export interface TimeLimit {
  readonly clock: Clock;
  readonly limitMs: number;
  /** Aborts the action as well. */
  readonly signal?: AbortSignal | undefined;
  /** The reason of an abort for lack of time. */
  readonly reason?: unknown;
}

/** The action's own result or rejection: that it ends when its signal aborts is up to it. */
export async function withinTime<Result>(
  limit: TimeLimit,
  action: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const { signal } = limit;
  const end = new AbortController();
  const done = new AbortController();
  const onAbort = (): void => end.abort(signal?.reason);
  signal?.addEventListener('abort', onAbort, { once: true });
  if (signal?.aborted === true) onAbort();
  const timer = endLater(limit, end, done.signal);
  try {
    return await action(end.signal);
  } finally {
    done.abort();
    signal?.removeEventListener('abort', onAbort);
    await timer;
  }
}

async function endLater({ clock, limitMs, reason }: TimeLimit, end: AbortController, done: AbortSignal): Promise<void> {
  await clock.sleep(Math.max(0, limitMs), done);
  if (!done.aborted) end.abort(reason);
}
