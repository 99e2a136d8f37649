// The requests of one client, whatever their number of streams and connections: a rate with a burst, behind which they wait in the
// order of asking, and an end of patience.

import type { AdmissionLimits } from './admission-limits.ts';
import type { Budget } from './shared-budgets.ts';
import { TokenBucket } from './token-bucket.ts';

export interface RequestBudgetOptions {
  readonly limits: Pick<AdmissionLimits, 'requests' | 'requestPatienceMs'>;
  /** Milliseconds of a clock that only goes forward. */
  readonly now: () => number;
}

export class RequestBudget implements Budget {
  readonly #options: RequestBudgetOptions;
  readonly #bucket: TokenBucket;
  /** Since when the client asks for more than it may, without a break. */
  #tooMuchSinceMs: number | undefined;

  constructor(options: RequestBudgetOptions) {
    this.#options = options;
    this.#bucket = new TokenBucket(options.limits.requests, options.now);
  }

  /** False when a request has to be delayed. */
  take(): boolean {
    if (!this.#bucket.take()) return false;
    this.#tooMuchSinceMs = undefined;
    return true;
  }

  /** In how many milliseconds a request that has to be delayed may be handled; undefined when the client has been delayed for too long. */
  delay(): number | undefined {
    const { limits, now } = this.#options;
    this.#tooMuchSinceMs ??= now();
    if (now() - this.#tooMuchSinceMs >= limits.requestPatienceMs) return undefined;
    return this.#bucket.waitMs < limits.requestPatienceMs ? this.#bucket.takeNext() : undefined;
  }

  get wholeInMs(): number {
    return this.#bucket.fullInMs;
  }
}
