// Watches over one open watch. In: when the server was heard last, and when a list is due. Out: the end of the watch when it is silent, or
// to compare everything with a list.

import type { Clock } from './clock.ts';
import { KubeError } from './kube-error.ts';
import type { KubeTimings } from './timings.ts';

/** How far an open watch is, written by those who follow it. */
export interface WatchState {
  /** It still sends the list that it began with. */
  isListing: boolean;
  /** It was ended because everything is to be listed again. */
  isRelistDue: boolean;
}

export interface WatchGuardOptions {
  /** Aborted to end the watch. */
  readonly controller: AbortController;
  readonly state: WatchState;
  /** Milliseconds since the epoch; undefined: not yet. */
  readonly lastHeardAtMs: () => number | undefined;
  readonly relistAtMs: () => number;
  readonly timings: KubeTimings;
  readonly clock: Clock;
}

/** Resolves when it has ended the watch, or `stop` has aborted. */
export async function guardWatch(options: WatchGuardOptions, stop: AbortSignal): Promise<void> {
  const { controller, state, timings, clock } = options;
  while (!stop.aborted) {
    const now = clock.now();
    const stallAtMs = (options.lastHeardAtMs() ?? now) + timings.stallMs;
    if (now >= stallAtMs) {
      const seconds = Math.round(timings.stallMs / 1000);
      controller.abort(new KubeError('stalled', `the API server sent nothing for ${seconds} s`));
      return;
    }
    if (!state.isListing && now >= options.relistAtMs()) {
      state.isRelistDue = true;
      controller.abort(new KubeError('stalled', 'everything is listed again'));
      return;
    }
    // While it lists, the time of the next list is not known yet.
    const lookAtMs = state.isListing ? now + Math.min(1_000, timings.relistMs) : options.relistAtMs();
    await clock.sleep(Math.min(stallAtMs, lookAtMs) - now, stop);
  }
}
