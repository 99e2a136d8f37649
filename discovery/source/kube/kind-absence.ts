// How long an API server has said that it does not serve a kind. Servers have denied for a moment, while they started, what they serve: a
// denial is believed after a while, and until then they are soon asked afresh. In: denials. Out: whether to believe, when to ask.

import { backOffMs, jittered, type Random } from './back-off.ts';
import type { Clock } from './clock.ts';
import type { KubeTimings } from './timings.ts';

export class KindAbsence {
  readonly #timings: KubeTimings;
  readonly #clock: Clock;
  readonly #random: Random;
  #sinceMs: number | undefined;
  /** In a row. */
  #denials = 0;

  constructor({ timings, clock, random }: { timings: KubeTimings; clock: Clock; random: Random }) {
    this.#timings = timings;
    this.#clock = clock;
    this.#random = random;
  }

  denied(): void {
    this.#sinceMs ??= this.#clock.now();
    this.#denials += 1;
  }

  served(): void {
    this.#sinceMs = undefined;
    this.#denials = 0;
  }

  get isBelieved(): boolean {
    return this.#graceLeftMs <= 0;
  }

  /** Milliseconds until a server that is believed is asked again. */
  believedWaitMs(): number {
    return jittered(this.#timings.rediscoverMs, this.#random);
  }

  /** Milliseconds until one that is not believed yet is asked again. */
  doubtedWaitMs(): number {
    const { backOffFirstMs: firstMs, rediscoverMs: longestMs } = this.#timings;
    return Math.min(backOffMs({ firstMs, longestMs }, this.#denials, this.#random), this.#graceLeftMs);
  }

  get #graceLeftMs(): number {
    const now = this.#clock.now();
    return (this.#sinceMs ?? now) + this.#timings.absentGraceMs - now;
  }
}
