// When to try again after a failure. In: the errors and successes of one feed, in order. Out: how long to wait, never for ever.

import { backOffMs, jittered, type Random } from './back-off.ts';
import type { KubeError } from './kube-error.ts';
import type { KubeTimings } from './timings.ts';

export class Retry {
  readonly #timings: KubeTimings;
  readonly #random: Random;
  #failures = 0;
  /** Resource versions that had expired, in a row. A complete list between two of them does not end the row. */
  #expiries = 0;

  constructor(timings: KubeTimings, random: Random) {
    this.#timings = timings;
    this.#random = random;
  }

  /** In a row. */
  get failures(): number {
    return this.#failures;
  }

  /** Something good came. */
  heard(): void {
    this.#failures = 0;
  }

  /** A watch went on. */
  advanced(): void {
    this.#failures = 0;
    this.#expiries = 0;
  }

  /** Milliseconds until the next try. A first expiry is ordinary and costs no wait; a server's `Retry-After` is obeyed. */
  failed(error: KubeError): number {
    const { backOffFirstMs, backOffLongestMs, forbiddenRetryMs } = this.#timings;
    this.#failures += 1;
    if (error.code === 'expired') this.#expiries += 1;
    if (error.code === 'expired' && this.#expiries === 1) return 0;
    const inARow = Math.max(this.#failures, this.#expiries);
    const waitMs =
      error.code === 'forbidden'
        ? jittered(forbiddenRetryMs, this.#random)
        : backOffMs({ firstMs: backOffFirstMs, longestMs: backOffLongestMs }, inARow, this.#random);
    const askedMs = error.retryAfterMs === undefined ? 0 : error.retryAfterMs * (1 + this.#random() / 5);
    return Math.max(waitMs, askedMs);
  }
}
