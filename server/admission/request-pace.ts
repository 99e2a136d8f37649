// Which requests of one stream are read at once, which take their turn, and which are delayed. In: what a client sends, in
// order. Out: the same, when it may be handled.

import type { RequestPacer } from '../grpc/request-pacer.ts';
import type { GrpcStatus } from '../grpc/status.ts';
import type { AdmissionLimits } from './admission-limits.ts';
import { TokenBucket } from './token-bucket.ts';
import type { Turns } from './turns.ts';

export interface RequestPaceOptions {
  readonly limits: AdmissionLimits;
  readonly turns: Turns;
  /** A request had to be delayed by the rate. */
  readonly delayed: () => void;
  /** Ends the stream. */
  readonly refuse: (status: GrpcStatus) => void;
  readonly now: () => number;
  readonly after: (ms: number, run: () => void) => void;
}

/**
 * A stream is young while it is connecting: what it says sets off its first answers, so all of it takes turns. Later only what is
 * more than an answer to a response does.
 */
const youngMs = 10_000;
const answerBytes = 1024;

export class RequestPace implements RequestPacer {
  readonly #options: RequestPaceOptions;
  readonly #bucket: TokenBucket;
  readonly #openedMs: number;
  #isYoung = true;
  /** Responses that were not answered yet: as many requests are free. */
  #owed = 0;
  /** Since when the client sends more than it may, without a break. */
  #tooFastSinceMs: number | undefined;

  constructor(options: RequestPaceOptions) {
    this.#options = options;
    this.#openedMs = options.now();
    this.#bucket = new TokenBucket(options.limits.requests, options.now);
  }

  passes(bytes: number): boolean {
    return bytes <= answerBytes && this.#isGrown && this.#take();
  }

  next(bytes: number, deliver: () => void): void {
    if (this.#take()) {
      this.#turn(bytes, deliver);
      return;
    }
    const { limits, now, delayed, refuse, after } = this.#options;
    const { requests, requestPatienceMs } = limits;
    this.#tooFastSinceMs ??= now();
    if (now() - this.#tooFastSinceMs >= requestPatienceMs) {
      const message = `more than ${requests.perSecond} requests a second on one stream, for ${requestPatienceMs / 1000} s`;
      refuse({ code: 'RESOURCE_EXHAUSTED', message });
      return;
    }
    delayed();
    after(Math.ceil(this.#bucket.waitMs), () => {
      this.#bucket.take();
      this.#turn(bytes, deliver);
    });
  }

  /** A response will be answered. */
  responded(): void {
    this.#owed += 1;
  }

  get #isGrown(): boolean {
    if (this.#isYoung) this.#isYoung = this.#options.now() - this.#openedMs < youngMs;
    return !this.#isYoung;
  }

  /** What answers a response is bounded by what was sent, and needs no clock. */
  #take(): boolean {
    if (this.#owed > 0) this.#owed -= 1;
    else if (!this.#bucket.take()) return false;
    this.#tooFastSinceMs = undefined;
    return true;
  }

  #turn(bytes: number, deliver: () => void): void {
    if (bytes <= answerBytes && this.#isGrown) deliver();
    else this.#options.turns.take(deliver);
  }
}
