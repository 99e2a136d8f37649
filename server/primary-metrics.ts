// Metrics of what an instance does in its primary besides reading: token reviews, and who leads. They are in the registry of all
// other metrics, and absent where the primary is a directory.

import { Counter, Gauge, type Registry } from 'prom-client';
import type { TokenReview } from '../ca/authenticate-token.ts';
import { CaError } from '../ca/ca-error.ts';

export class PrimaryMetrics {
  readonly #registry: Registry;
  readonly #reviews: Counter;

  constructor(registry: Registry) {
    this.#registry = registry;
    this.#reviews = new Counter({
      name: 'isthmus_token_reviews_total',
      help: 'Tokens that the API server was asked about, by what came of it; overloaded: not asked, too many waited',
      labelNames: ['result'],
      registers: [registry],
    });
    for (const result of ['accepted', 'refused', 'failed', 'overloaded']) this.#reviews.inc({ result }, 0);
  }

  /** The same review, counted. */
  counted(review: TokenReview): TokenReview {
    return async (token) => {
      const owner = await review(token);
      const error = owner instanceof CaError ? owner.code : undefined;
      const bad = error === 'credential-refused' ? 'refused' : 'failed';
      this.#reviews.inc({ result: error === undefined ? 'accepted' : bad });
      return owner;
    };
  }

  overloaded(): void {
    this.#reviews.inc({ result: 'overloaded' });
  }

  /** @param leads asked whenever the metric is read */
  leader(leads: () => boolean): void {
    const gauge: Gauge = new Gauge({
      name: 'isthmus_leader',
      help: '1 while this replica holds the Lease and writes what one replica alone may write',
      registers: [this.#registry],
      collect: () => gauge.set(leads() ? 1 : 0),
    });
  }
}
