// When to try again after a failure. In: the errors and successes of one feed, in order. Out: how long to wait, never for ever.

import { backOffMs, type Random } from './back-off.ts';
import type { KubeError } from './kube-error.ts';
import type { KubeTimings } from './timings.ts';

const refusalsUntilBelieved = 4;

export class Retry {
  readonly #timings: KubeTimings;
  readonly #random: Random;
  #failures = 0;
  /** Answers with 403 in a row. */
  #refusals = 0;
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

  /** An API server that has just started refuses for a moment what it allows: it has not read its own rules yet. */
  get isForbidden(): boolean {
    return this.#refusals >= refusalsUntilBelieved;
  }

  /** Something good came. */
  heard(): void {
    this.#failures = 0;
    this.#refusals = 0;
  }

  /** A watch went on. */
  advanced(): void {
    this.heard();
    this.#expiries = 0;
  }

  /** Milliseconds until the next try. A first expiry is ordinary and costs no wait; a server's `Retry-After` is obeyed. */
  failed(error: KubeError): number {
    const { backOffFirstMs, backOffLongestMs, forbiddenRetryMs } = this.#timings;
    this.#failures += 1;
    this.#refusals = error.code === 'forbidden' ? this.#refusals + 1 : 0;
    if (error.code === 'expired') this.#expiries += 1;
    if (error.code === 'expired' && this.#expiries === 1) return 0;
    const inARow = Math.max(this.#failures, this.#expiries);
    // Soon at first, because a server that has just started will allow it, then seldom.
    const waitMs =
      error.code === 'forbidden'
        ? backOffMs({ firstMs: backOffFirstMs, longestMs: forbiddenRetryMs }, this.#refusals, this.#random)
        : backOffMs({ firstMs: backOffFirstMs, longestMs: backOffLongestMs }, inARow, this.#random);
    const askedMs = error.retryAfterMs === undefined ? 0 : error.retryAfterMs * (1 + this.#random() / 5);
    return Math.max(waitMs, askedMs);
  }
}
