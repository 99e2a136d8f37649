// One type on one stream: its subscription, the response that waits for an answer, and the record of what happened.

import type { ResourceName } from '../cache/encoded-resource.ts';
import type { Progress } from './make-before-break.ts';
import type { Batch } from './response-batch.ts';
import type { Subscription } from './subscription.ts';
import { typeUrls } from './type-rules.ts';

/** A response that was sent: the next one of its type goes when the client answered and the transport took it. */
export interface InFlight {
  readonly nonce: string;
  readonly sentAtMs: number;
  /** Names in it, for the report. */
  readonly names: readonly ResourceName[];
  readonly introduces: boolean;
}

export interface Answer {
  readonly nonce: string;
  /** Absent: accepted. */
  readonly error?: string | undefined;
}

export interface TypeStatus {
  readonly typeUrl: string;
  readonly wildcard: boolean;
  /** Names asked for one by one. */
  readonly subscribed: number;
  /** Of the last response; empty before the first. */
  readonly sentNonce: string;
  /** `version_info` of the last response; empty in delta. */
  readonly sentVersion: string;
  readonly sentAtMs: number | undefined;
  /** Last response that the client accepted; empty before the first. */
  readonly ackedNonce: string;
  /** Reason of the last answer, when that was a rejection. */
  readonly lastError: string | undefined;
  readonly pushes: number;
  readonly rejected: number;
  /** A response is unanswered, or something is not sent yet. */
  readonly behind: boolean;
}

export class TypeDelivery {
  readonly subscription: Subscription;
  readonly typeUrl: string;
  unsent: Progress['unsent'] = 'none';
  #inFlight: InFlight | undefined;
  #answered = true;
  #flushed = true;
  #sentNonce = '';
  #sentVersion = '';
  #sentAtMs: number | undefined;
  #ackedNonce = '';
  #lastError: string | undefined;
  #pushes = 0;
  #rejected = 0;

  constructor(subscription: Subscription) {
    this.subscription = subscription;
    this.typeUrl = subscription.rule.typeUrl;
  }

  get rank(): number {
    return this.subscription.rule.rank;
  }

  get inFlight(): boolean {
    return this.#inFlight !== undefined;
  }

  /** Empty before the first response. */
  get sentNonce(): string {
    return this.#sentNonce;
  }

  sent(response: { readonly nonce: string; readonly version: string; readonly atMs: number }, batch: Batch): void {
    const introduced = batch.added - batch.replaced.length;
    this.#inFlight = {
      nonce: response.nonce,
      sentAtMs: response.atMs,
      names: batch.names,
      introduces: this.typeUrl === typeUrls.cluster ? batch.added > 0 : introduced > 0,
    };
    this.#answered = false;
    this.#flushed = false;
    this.#sentNonce = response.nonce;
    this.#sentVersion = response.version;
    this.#sentAtMs = response.atMs;
    this.#pushes += 1;
  }

  /** The response that was answered; undefined when the answer is to none that waits. */
  answer(answer: Answer): InFlight | undefined {
    const answered = this.#inFlight;
    if (answered === undefined || this.#answered || answer.nonce !== answered.nonce) return undefined;
    this.#answered = true;
    this.#lastError = answer.error;
    if (answer.error === undefined) this.#ackedNonce = answer.nonce;
    else this.#rejected += 1;
    this.#land();
    return answered;
  }

  /** The transport took the response. True when that was the last thing that it waited for. */
  flushed(nonce: string): boolean {
    if (this.#inFlight?.nonce !== nonce) return false;
    this.#flushed = true;
    this.#land();
    return this.#answered;
  }

  progress(clock: { readonly nowMs: number; readonly orderTimeoutMs: number }): Progress {
    const flight = this.#inFlight;
    return {
      unsent: this.unsent,
      inFlight: flight !== undefined,
      introduces: flight?.introduces ?? false,
      owesAnswers:
        this.subscription.owesAnswers || (this.unsent === 'additions' && this.subscription.exceptionCount > 0),
      stuck: flight !== undefined && clock.nowMs - flight.sentAtMs >= clock.orderTimeoutMs,
      rejected: this.#lastError !== undefined,
    };
  }

  status(): TypeStatus {
    return {
      typeUrl: this.typeUrl,
      wildcard: this.subscription.wildcard,
      subscribed: this.subscription.names.size,
      sentNonce: this.#sentNonce,
      sentVersion: this.#sentVersion,
      sentAtMs: this.#sentAtMs,
      ackedNonce: this.#ackedNonce,
      lastError: this.#lastError,
      pushes: this.#pushes,
      rejected: this.#rejected,
      behind: this.inFlight || this.unsent !== 'none',
    };
  }

  #land(): void {
    if (this.#answered && this.#flushed) this.#inFlight = undefined;
  }
}
