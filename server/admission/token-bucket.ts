// A rate with a burst: tokens come in steadily, up to as many as the bucket holds, and what has none has to wait. Those who wait may
// take theirs in advance: then each has its own time, in the order of asking.

export interface Rate {
  readonly perSecond: number;
  /** As many may go at once after a pause. */
  readonly burst: number;
}

export class TokenBucket {
  readonly #rate: Rate;
  readonly #now: () => number;
  /** Below zero by those that were taken in advance. */
  #tokens: number;
  #filledMs: number;

  /** `now`: milliseconds of a clock that only goes forward. The bucket is full at first. */
  constructor(rate: Rate, now: () => number) {
    this.#rate = rate;
    this.#now = now;
    this.#tokens = rate.burst;
    this.#filledMs = now();
  }

  /** Takes a token; false without one. */
  take(): boolean {
    this.#fill();
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  /** How long until there is a token; 0 when there is one. */
  get waitMs(): number {
    this.#fill();
    return Math.max(0, ((1 - this.#tokens) * 1000) / this.#rate.perSecond);
  }

  /** Takes a token that is not there yet. Returns the milliseconds until it is. */
  takeNext(): number {
    const { waitMs } = this;
    this.#tokens -= 1;
    return waitMs;
  }

  /** How long until the bucket is full, as a new one is; 0 when it is. */
  get fullInMs(): number {
    this.#fill();
    const { perSecond, burst } = this.#rate;
    return ((burst - this.#tokens) * 1000) / perSecond;
  }

  #fill(): void {
    const nowMs = this.#now();
    const { perSecond, burst } = this.#rate;
    this.#tokens = Math.min(burst, this.#tokens + ((nowMs - this.#filledMs) * perSecond) / 1000);
    this.#filledMs = nowMs;
  }
}
