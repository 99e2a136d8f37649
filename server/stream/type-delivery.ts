// One type on one stream: its subscription, the response that waits for an answer, and the record of what happened.

import type { EncodedResource, ResourceName, ResourceVersion } from '../cache/encoded-resource.ts';
import { Isolation, PieceBudget, piecesOf, type Part } from './isolation.ts';
import type { Progress } from './make-before-break.ts';
import type { Pending } from './pending-changes.ts';
import { namedResources } from './rejected-names.ts';
import type { Batch } from './response-batch.ts';
import type { Subscription } from './subscription.ts';
import { typeUrls } from './type-rules.ts';

/** What is known of a rejection. */
export interface Blame {
  /** What the client can't take; undefined while it is being found out. */
  readonly blamed: readonly EncodedResource[] | undefined;
}

export interface BlameOptions {
  readonly error: string;
  readonly nowMs: number;
  /** Resources that some client could not take. */
  readonly suspects: WeakSet<EncodedResource>;
}

/** A resource in a version. */
export interface RejectedPart {
  readonly name: ResourceName;
  readonly version: ResourceVersion;
}

/** How a client stands to a resource in one version. */
export type Standing = 'accepted' | 'rejected' | 'unanswered';

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
  /** Reason of the last rejection, while any resource is not as the client is to have it because of one. */
  readonly lastError: string | undefined;
  readonly pushes: number;
  readonly rejected: number;
  /** A response is unanswered, or something is not sent yet. */
  readonly behind: boolean;
}

/** Nearly every type of every stream has none: one table for all of them. */
const nothingRejected: ReadonlyMap<ResourceName, ResourceVersion> = new Map();

export class TypeDelivery {
  readonly subscription: Subscription;
  readonly typeUrl: string;
  unsent: Progress['unsent'] = 'none';
  /** A response that was sent: the next one of its type goes when the client answered and the transport took it. */
  #inFlight: Batch | undefined;
  #answered = true;
  #flushed = true;
  #sentNonce = '';
  #sentVersion = '';
  #sentAtMs: number | undefined;
  #ackedNonce = '';
  /** Of the last answer. */
  #lastError: string | undefined;
  #reason: string | undefined;
  /** What the client can't take, as it was when it was sent last. */
  #rejectedParts = nothingRejected;
  #isolation: Isolation | undefined;
  #budget: PieceBudget | undefined;
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

  /** Nothing is unsent, and nothing unanswered. */
  get settled(): boolean {
    return this.#inFlight === undefined && this.unsent === 'none';
  }

  /** Empty before the first response. */
  get sentNonce(): string {
    return this.#sentNonce;
  }

  sent(response: { readonly nonce: string; readonly version: string; readonly atMs: number }, batch: Batch): void {
    this.#inFlight = batch;
    this.#answered = false;
    this.#flushed = false;
    this.#sentNonce = response.nonce;
    this.#sentVersion = response.version;
    this.#sentAtMs = response.atMs;
    this.#pushes += 1;
  }

  /** The response that was answered; undefined when the answer is to none that waits. `error`: absent when it was accepted. */
  answer(nonce: string, error: string | undefined): Batch | undefined {
    const answered = this.#inFlight;
    if (answered === undefined || this.#answered || nonce !== this.#sentNonce) return undefined;
    this.#answered = true;
    this.#lastError = error;
    if (error === undefined) {
      this.#ackedNonce = this.#sentNonce;
      this.#forgive(answered);
    } else {
      this.#rejected += 1;
      this.#reason = error;
    }
    this.#land();
    return answered;
  }

  /**
   * What of a response the client can't take, after it rejected it. Where that is not known, and the response was not taken in
   * part, its resources go again in pieces.
   */
  blame(batch: Batch, options: BlameOptions): Blame {
    const { error, suspects } = options;
    const named = namedResources(error, { typeUrl: this.typeUrl, changed: batch.changed });
    if (named.length > 0) return this.#found(named, suspects);
    if (batch.changed.length + batch.removed.length === 1) return this.#found(batch.changed, suspects);
    if (this.subscription.complete) return this.#found([], suspects);
    const parts: Part[] = [...batch.changed, ...batch.removed.map((name) => ({ name }))];
    this.subscription.client.forget(parts);
    this.unsent = 'additions';
    const pieces = piecesOf(parts, ({ name }) => batch.changed.some((one) => one.name === name && suspects.has(one)));
    if (this.#isolation === undefined) this.#isolation = new Isolation(pieces);
    else this.#isolation.divide(pieces);
    const budget = (this.#budget ??= new PieceBudget());
    // A piece for each half, at least; what they are divided into later has to be paid for then.
    if (budget.take(options.nowMs) && budget.take(options.nowMs)) return { blamed: undefined };
    this.subscription.client.giveUp(this.#isolation.giveUp());
    this.#isolation = undefined;
    return { blamed: [] };
  }

  /** What may go next while it is found out what the client can't take; undefined: anything. */
  only({ additions, removals }: Pending): ReadonlySet<ResourceName> | undefined {
    if (this.#isolation === undefined) return undefined;
    const differing = new Set([...additions, ...removals].map(({ name }) => name));
    const names = this.#isolation.next((name) => differing.has(name));
    if (names === undefined) this.#isolation = undefined;
    return names;
  }

  /** How the client stands to this version; undefined when it does not have it. */
  standing(resource: EncodedResource): Standing | undefined {
    const { name, version } = resource;
    if (this.#rejectedParts.get(name) === version) return 'rejected';
    const isThis = (one: EncodedResource): boolean => one.name === name && one.version === version;
    if (this.#inFlight?.changed.some(isThis) === true) return 'unanswered';
    if (this.#isolation?.has(name) === true) return 'unanswered';
    if (this.subscription.holds(resource)) return 'accepted';
    return this.unsent !== 'none' && this.subscription.subscribed.covers(name) ? 'unanswered' : undefined;
  }

  /** The transport took the response. True when that was the last thing that it waited for. */
  flushed(): boolean {
    this.#flushed = true;
    this.#land();
    return this.#answered;
  }

  progress(clock: { readonly nowMs: number; readonly orderTimeoutMs: number }): Progress {
    const { inFlight } = this;
    const { client } = this.subscription;
    const sentForMs = inFlight ? clock.nowMs - (this.#sentAtMs ?? clock.nowMs) : 0;
    return {
      unsent: this.unsent,
      inFlight,
      introduces: this.#introduces,
      owesAnswers: client.owesAnswers || (this.unsent === 'additions' && client.exceptionCount > 0),
      stuck: inFlight && sentForMs >= clock.orderTimeoutMs,
      rejected: this.#lastError !== undefined || this.#isolation !== undefined,
    };
  }

  /** What the client can't take at present; a rejection of nobody knows what is one without a part. */
  rejectedParts(): readonly { readonly typeUrl: string; readonly part?: RejectedPart }[] {
    const { typeUrl } = this;
    if (this.#rejectedParts.size > 0) {
      return [...this.#rejectedParts].map(([name, version]) => ({ typeUrl, part: { name, version } }));
    }
    return this.#lastError === undefined ? [] : [{ typeUrl }];
  }

  status(): TypeStatus {
    const { wildcard, names } = this.subscription.subscribed;
    return {
      typeUrl: this.typeUrl,
      wildcard,
      subscribed: names.size,
      sentNonce: this.#sentNonce,
      sentVersion: this.#sentVersion,
      sentAtMs: this.#sentAtMs,
      ackedNonce: this.#ackedNonce,
      lastError: this.#lastError ?? (this.#rejectedParts.size > 0 ? this.#reason : undefined),
      pushes: this.#pushes,
      rejected: this.#rejected,
      behind: this.inFlight || this.unsent !== 'none',
    };
  }

  #found(blamed: readonly EncodedResource[], suspects: WeakSet<EncodedResource>): Blame {
    const parts = blamed.map(({ name, version }) => [name, version] as const);
    this.#rejectedParts = new Map([...this.#rejectedParts, ...parts]);
    for (const resource of blamed) suspects.add(resource);
    this.#isolation?.over();
    return { blamed };
  }

  /** The client has other versions of these now. */
  #forgive({ names }: Batch): void {
    this.#isolation?.over();
    if (this.#rejectedParts.size === 0) return;
    const accepted = new Set(names);
    const left = [...this.#rejectedParts].filter(([name]) => !accepted.has(name));
    this.#rejectedParts = left.length === 0 ? nothingRejected : new Map(left);
  }

  get #introduces(): boolean {
    const flight = this.#inFlight;
    if (flight === undefined) return false;
    return this.typeUrl === typeUrls.cluster ? flight.added > 0 : flight.added > flight.replaced.length;
  }

  #land(): void {
    if (this.#answered && this.#flushed) this.#inFlight = undefined;
  }
}
