// The pause of one feed before its next try. In: how long, and after which failure. A pause that the silence of the server brought
// about ends early when the server is heard elsewhere; one that the server asked for, or that spares it, does not.

import type { Clock } from './clock.ts';
import type { KubeError, KubeErrorCode } from './kube-error.ts';

const cutOffCodes: ReadonlySet<KubeErrorCode> = new Set([
  'unreachable',
  'stalled',
  'unauthorized',
  'credentials',
  'server',
]);

export class Pause {
  readonly #clock: Clock;
  #endable: AbortController | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** `after`: undefined when nothing failed. Resolves when it is over, or the signal has aborted. */
  async take(waitMs: number, after: KubeError | undefined, signal: AbortSignal): Promise<void> {
    if (waitMs <= 0) return;
    const end = new AbortController();
    const onAbort = (): void => end.abort();
    signal.addEventListener('abort', onAbort);
    if (signal.aborted) onAbort();
    const isCutOff = after !== undefined && cutOffCodes.has(after.code) && after.retryAfterMs === undefined;
    this.#endable = isCutOff ? end : undefined;
    await this.#clock.sleep(waitMs, end.signal);
    this.#endable = undefined;
    signal.removeEventListener('abort', onAbort);
  }

  /** Ends the pause under way, if it is one that may end. Returns whether there was one. */
  endEarly(): boolean {
    this.#endable?.abort();
    return this.#endable !== undefined;
  }
}
