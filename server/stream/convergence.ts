// How long one client lacks a change: until the first response that comes of it goes out, and until all that came of it is
// answered. Changes that come while it lacks another one count as one with it.

import type { StreamMetrics } from './stream-metrics.ts';

export class Convergence {
  readonly #metrics: StreamMetrics;
  /** The client has not got all of a change: nothing of it, or what was sent of it is not answered. */
  #behind: 'no' | 'unsent' | 'unanswered' = 'no';
  /** Since when (`performance.now`), while it is behind. */
  #sinceMs = 0;

  constructor(metrics: StreamMetrics) {
    this.#metrics = metrics;
  }

  /** Something that the client asks for changed. */
  changed(): void {
    if (this.#behind !== 'no') return;
    this.#behind = 'unsent';
    this.#sinceMs = performance.now();
  }

  /** A response went out, at that time (`performance.now`). */
  sent(atMs: number): void {
    if (this.#behind !== 'unsent') return;
    this.#behind = 'unanswered';
    this.#metrics.waited(atMs - this.#sinceMs);
  }

  /** The client answered all that followed from a change, or nothing of the change was for it. */
  settled(): void {
    if (this.#behind === 'unanswered') this.#metrics.converged(performance.now() - this.#sinceMs);
    this.#behind = 'no';
  }
}
