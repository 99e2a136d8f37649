// Which requests of one stream are read at once, which take their turn, and which are delayed. In: what a client sends, in
// order. Out: the same, when it may be handled.

import type { RequestPacer } from '../grpc/request-pacer.ts';
import type { GrpcStatus } from '../grpc/status.ts';
import type { AdmissionLimits } from './admission-limits.ts';
import type { JoinedBudget } from './client-budgets.ts';
import type { ConnectionBudget } from './connection-budget.ts';
import type { Turns } from './turns.ts';

export interface RequestPaceOptions {
  readonly limits: AdmissionLimits;
  /** Shared with other streams of the client. */
  readonly joined: JoinedBudget;
  readonly turns: Turns;
  /** A request had to be delayed by the rate. */
  readonly delayed: () => void;
  /** A message was refused since the connection holds too many that are not handled. */
  readonly heldTooMuch: () => void;
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
  readonly #budget: ConnectionBudget;
  readonly #openedMs: number;
  #isYoung = true;
  /** Responses that were not answered yet: as many requests are free. */
  #owed = 0;
  /** Of a message that has come in part. */
  #partBytes = 0;
  /** A message that waits. */
  #waiting: { readonly bytes: number; readonly deliver: () => void } | undefined;
  /** Of both, as the budget knows it. */
  #heldBytes = 0;
  #isOver = false;

  constructor(options: RequestPaceOptions) {
    this.#options = options;
    this.#openedMs = options.now();
    this.#budget = options.joined.budget;
  }

  passes(bytes: number): boolean {
    return bytes <= answerBytes && this.#isGrown && this.#take();
  }

  next(bytes: number, deliver: () => void): void {
    if (this.#isOver) return;
    if (this.#take()) {
      this.#turn(bytes, deliver);
      return;
    }
    const { limits, delayed, refuse, after } = this.#options;
    const { requests, requestPatienceMs } = limits;
    const delayMs = this.#budget.delay();
    if (delayMs === undefined) {
      const message = `more than ${requests.perSecond} requests a second of one client, for ${requestPatienceMs / 1000} s`;
      refuse({ code: 'RESOURCE_EXHAUSTED', message });
      return;
    }
    delayed();
    this.#wait(bytes, deliver);
    after(Math.ceil(delayMs), () => {
      const waiting = this.#waited();
      if (waiting !== undefined) this.#turn(waiting.bytes, waiting.deliver);
    });
  }

  holds(bytes: number): void {
    if (this.#isOver || (bytes === 0 && this.#heldBytes === 0)) return;
    this.#partBytes = bytes;
    this.#tellHeld();
    if (bytes === 0 || !this.#budget.holdsTooMuch) return;
    const { limits, heldTooMuch, refuse } = this.#options;
    heldTooMuch();
    const message = `more than ${limits.maxHeldBytes} bytes of messages that are unfinished or wait, on one connection`;
    refuse({ code: 'RESOURCE_EXHAUSTED', message });
  }

  ended(): void {
    this.#isOver = true;
    this.#partBytes = 0;
    this.#waiting = undefined;
    this.#tellHeld();
    this.#options.joined.leave();
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
    else return this.#budget.take();
    return true;
  }

  #turn(bytes: number, deliver: () => void): void {
    if (bytes <= answerBytes && this.#isGrown) {
      deliver();
      return;
    }
    this.#wait(bytes, deliver);
    this.#options.turns.take(() => this.#waited()?.deliver());
  }

  /** It is let go when the stream ends before its time comes. */
  #wait(bytes: number, deliver: () => void): void {
    this.#waiting = { bytes, deliver };
    this.#tellHeld();
  }

  #waited(): { readonly bytes: number; readonly deliver: () => void } | undefined {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    this.#tellHeld();
    return waiting;
  }

  #tellHeld(): void {
    const bytes = this.#partBytes + (this.#waiting?.bytes ?? 0);
    if (bytes === this.#heldBytes) return;
    this.#budget.hold(bytes - this.#heldBytes);
    this.#heldBytes = bytes;
  }
}
