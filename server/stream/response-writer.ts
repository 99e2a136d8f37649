// What is on its way to one client. In: responses. Out: messages to the transport, each with a nonce of its own, and the end of the
// stream when the transport takes nothing for too long.

import { encodeDelta, encodeSotw } from './encode-response.ts';
import { nonceOf } from './nonce.ts';
import type { ReportDelivery } from './report-delivery.ts';
import type { Batch } from './response-batch.ts';
import type { StreamContext } from './stream-context.ts';
import type { StreamEnd } from './stream-end.ts';
import type { StreamSink } from './stream-sink.ts';
import type { TypeDelivery } from './type-delivery.ts';
import { WriteDeadline } from './write-deadline.ts';

export interface ResponseWriterOptions {
  /** Of the stream; nonces begin with it. */
  readonly id: string;
  readonly variant: 'delta' | 'sotw';
  readonly sink: StreamSink;
  readonly context: StreamContext;
  /** Told when a response was taken that was answered before: now the next one of its type may go. */
  readonly onLanded: () => void;
  /** Ends the stream. */
  readonly end: (end: StreamEnd) => void;
}

export class ResponseWriter {
  readonly #options: ResponseWriterOptions;
  /** What the transport has not taken yet, in order. */
  readonly #untaken: (TypeDelivery | ReportDelivery)[] = [];
  /** One for all messages. */
  readonly #taken = (): void => this.#tookMessage();
  readonly #deadline: WriteDeadline;
  #nonces = 0;
  #closed = false;

  constructor(options: ResponseWriterOptions) {
    this.#options = options;
    const { context, end } = options;
    const { writeTimeoutMs } = context.limits;
    this.#deadline = new WriteDeadline(writeTimeoutMs, () => {
      context.metrics.slowReader();
      end({ code: 'DEADLINE_EXCEEDED', message: `nothing was read for ${writeTimeoutMs} ms` });
    });
  }

  nextNonce(): string {
    this.#nonces += 1;
    return nonceOf(this.#options.id, this.#nonces);
  }

  /** Encodes and sends. `nowMs`: `performance.now`. */
  respond(type: TypeDelivery, batch: Batch, nowMs: number): void {
    const { variant, context } = this.#options;
    const { typeUrl } = type;
    const nonce = this.nextNonce();
    const { parts, version } =
      variant === 'delta'
        ? encodeDelta(context.answers.envelope(batch, typeUrl), nonce)
        : encodeSotw(batch, { typeUrl, nonce });
    type.sent({ nonce, version, atMs: context.now() }, batch);
    this.handOver(type, parts, nowMs);
    let bytes = 0;
    for (const part of parts) bytes += part.length;
    context.metrics.pushed({
      typeUrl,
      bytes,
      resources: batch.resources.length,
      removed: batch.removed.length,
      tookMs: performance.now() - nowMs,
    });
  }

  /** Sends a message of which `delivery` is to hear that it was taken. */
  handOver(delivery: TypeDelivery | ReportDelivery, message: readonly Uint8Array[], nowMs: number): void {
    this.#deadline.begin(nowMs);
    this.#untaken.push(delivery);
    this.#options.sink.write(message, this.#taken);
  }

  /** The stream is over: what was not taken doesn't count any more. */
  close(): void {
    this.#closed = true;
    this.#deadline.clear();
  }

  #tookMessage(): void {
    if (this.#closed) return;
    const delivery = this.#untaken.shift();
    if (this.#untaken.length === 0) this.#deadline.end();
    else this.#deadline.begin(performance.now());
    if (delivery?.flushed() === true) this.#options.onLanded();
  }
}
