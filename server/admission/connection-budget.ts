// What the streams of one connection may ask for and have the server hold: a few requests that it shares with nobody, those of its
// client, and bytes of messages that are not handled yet.

import type { AdmissionLimits } from './admission-limits.ts';
import type { RequestBudget } from './request-budget.ts';
import type { Budget } from './shared-budgets.ts';
import { TokenBucket } from './token-bucket.ts';

export interface ConnectionBudgetOptions {
  readonly limits: Pick<AdmissionLimits, 'connectionRequests' | 'maxHeldBytes'>;
  /** Of whoever has the connection, shared with its other connections. */
  readonly client: RequestBudget;
  readonly onForgotten: () => void;
  /** Milliseconds of a clock that only goes forward. */
  readonly now: () => number;
}

export class ConnectionBudget implements Budget {
  readonly #client: RequestBudget;
  readonly #own: TokenBucket;
  readonly #maxHeldBytes: number;
  readonly onForgotten: () => void;
  #heldBytes = 0;

  constructor({ limits, client, onForgotten, now }: ConnectionBudgetOptions) {
    this.#client = client;
    this.#own = new TokenBucket(limits.connectionRequests, now);
    this.#maxHeldBytes = limits.maxHeldBytes;
    this.onForgotten = onForgotten;
  }

  /** False when a request has to be delayed. */
  take(): boolean {
    return this.#own.take() || this.#client.take();
  }

  /** As that of its client. */
  delay(): number | undefined {
    return this.#client.delay();
  }

  /** Of all its streams: so many bytes more are held, or fewer. */
  hold(byBytes: number): void {
    this.#heldBytes += byBytes;
  }

  get holdsTooMuch(): boolean {
    return this.#heldBytes > this.#maxHeldBytes;
  }

  get wholeInMs(): number {
    return this.#own.fullInMs;
  }
}
