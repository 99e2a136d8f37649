// From a packet to its response: from the name table where it knows, from other resolvers where it does not. In: packets of anybody
// and the current names. Out: the bytes to send back, or nothing for what is no question.

import type { Clock } from '../../ca/clock.ts';
import { answerQuestion } from './answer-question.ts';
import type { DnsCounters } from './dns-counters.ts';
import { fitResponse, rcodeOf, rcodes, readMessage, writeReply, type Question } from './dns-message.ts';
import type { NameLookup } from './name-lookup.ts';
import type { Transport } from './upstream-resolver.ts';

export type QuestionHandlerOptions = {
  readonly upstream: { ask(packet: Buffer, transport: Transport): Promise<Buffer | undefined> };
  readonly counters: DnsCounters;
  readonly clock: Clock;
  /** From 0 up to 1. */
  readonly random: () => number;
  /** Aborts when the server ends. */
  readonly signal: AbortSignal;
};

/**
 * How long questions wait for the first table, from the beginning. Names of other clusters would be denied by the cluster's own
 * resolver, and clients remember that; without any control plane everything else has to resolve all the same.
 */
const firstTableMs = 3000;
const maxWaiting = 1000;

/** The most that a length in two bytes says. */
const maxStreamBytes = 65_535;

export class QuestionHandler {
  readonly #options: QuestionHandlerOptions;
  readonly #opened: Promise<void>;
  #names: NameLookup | undefined;
  #open: () => void;
  #isOpen = false;
  #waiting = 0;

  constructor(options: QuestionHandlerOptions) {
    this.#options = options;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#opened = promise;
    this.#open = () => {
      this.#isOpen = true;
      resolve();
    };
    void options.clock.sleep(firstTableMs, options.signal).then(this.#open);
  }

  /** What is answered from now on. */
  setNames(names: NameLookup): void {
    this.#names = names;
    this.#open();
  }

  /** Never rejects. */
  async handle(packet: Buffer, transport: Transport): Promise<Buffer | undefined> {
    const { counters } = this.#options;
    const read = readMessage(packet);
    if (read.kind === 'garbage') {
      counters.add('garbage_total');
      return undefined;
    }
    if (read.kind === 'refused') {
      counters.add('refused_total');
      return read.response;
    }
    counters.add('requests_total');
    const { question } = read;
    const response = await this.#answer(question, transport);
    const maxBytes = transport === 'udp' ? question.udpBytes : maxStreamBytes;
    const sent = response.length <= maxBytes ? response : fitResponse(response, maxBytes);
    if (isTruncated(sent)) counters.add('truncated_total');
    return sent;
  }

  async #answer(question: Question, transport: Transport): Promise<Buffer> {
    const { counters, upstream } = this.#options;
    const maxBytes = transport === 'udp' ? question.udpBytes : maxStreamBytes;
    if (!this.#isOpen && !(await this.#wait())) return this.#failure(question, maxBytes);
    const answer =
      this.#names === undefined
        ? ({ kind: 'ask-upstream', nameExists: false } as const)
        : answerQuestion(question, this.#names, (all) => this.#shuffled(all));
    if (answer.kind === 'reply') {
      counters.add('answered_total');
      return writeReply(question, answer.reply, maxBytes);
    }
    const response = await upstream.ask(question.bytes, transport);
    if (response === undefined) return this.#failure(question, maxBytes);
    if (answer.nameExists && rcodeOf(response) === rcodes.nameError) return withoutData(question, maxBytes);
    return response;
  }

  /** False when too many wait already. */
  async #wait(): Promise<boolean> {
    if (this.#waiting >= maxWaiting) {
      this.#options.counters.add('overflow_total');
      return false;
    }
    this.#waiting += 1;
    await this.#opened;
    this.#waiting -= 1;
    return true;
  }

  #failure(question: Question, maxBytes: number): Buffer {
    this.#options.counters.add('failures_total');
    return empty(question, { rcode: rcodes.serverFailure, authoritative: false }, maxBytes);
  }

  /** Fisher and Yates. */
  #shuffled(all: readonly string[]): readonly string[] {
    const order = [...all];
    for (let last = order.length - 1; last > 0; last -= 1) {
      const other = Math.floor(this.#options.random() * (last + 1));
      const [a, b] = [order[last], order[other]];
      if (a === undefined || b === undefined) continue;
      order[last] = b;
      order[other] = a;
    }
    return order;
  }
}

function withoutData(question: Question, maxBytes: number): Buffer {
  return empty(question, { rcode: rcodes.noError, authoritative: true }, maxBytes);
}

function empty(
  question: Question,
  { rcode, authoritative }: { readonly rcode: number; readonly authoritative: boolean },
  maxBytes: number,
): Buffer {
  return writeReply(question, { rcode, answers: [], authorities: [], additionals: [], authoritative }, maxBytes);
}

function isTruncated(response: Buffer): boolean {
  return ((response[2] ?? 0) & 0x02) !== 0;
}
