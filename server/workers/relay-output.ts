// What the main process says to a worker about streams. Bytes that streams share go to the worker once, for as long as the table
// remembers them; a message to a stream then only names them.

import { LRUCache } from 'lru-cache';
import type { SentHeaders } from '../grpc/status.ts';
import type { FrameSocket } from './frame-socket.ts';
import { payloadFlag, toWorker } from './frames.ts';
import { encodeHeaders } from './stream-fields.ts';

/** What a worker remembers, and holds in memory, at most. */
const maxPayloadBytes = 8 * 1024 * 1024;

/** Shorter parts are sent again for each stream: a nonce, an envelope of one small resource. */
const minPayloadBytes = 64;

/** A longer one would push all others out. */
const maxOneBytes = maxPayloadBytes / 4;

export class RelayOutput {
  readonly #socket: FrameSocket;
  readonly #payloads: LRUCache<Uint8Array, number>;
  #lastPayload = 0;
  #definedPayloads = 0;

  constructor(socket: FrameSocket) {
    this.#socket = socket;
    this.#payloads = new LRUCache({
      maxSize: maxPayloadBytes,
      sizeCalculation: (_payload, bytes) => bytes.length,
      dispose: (payload) => socket.batch.add(toWorker.forget, payload),
    });
  }

  /** Payloads that were sent so far. */
  get definedPayloads(): number {
    return this.#definedPayloads;
  }

  credit(stream: number, bytes: number): void {
    this.#socket.batch.addCount(toWorker.credit, stream, bytes);
    this.#socket.schedule();
  }

  respond(stream: number, headers: SentHeaders): void {
    this.send(toWorker.respond, stream, encodeHeaders(headers));
  }

  /** A gRPC message in parts. */
  message(stream: number, parts: readonly Uint8Array[]): void {
    const payloads = parts.map((part) => this.#payload(part));
    let bodyBytes = 0;
    for (const [index, part] of parts.entries()) bodyBytes += 4 + (payloads[index] === undefined ? part.length : 0);
    const { batch } = this.#socket;
    batch.begin(toWorker.message, stream, bodyBytes);
    for (const [index, part] of parts.entries()) {
      const payload = payloads[index];
      if (payload === undefined) {
        batch.putNumber(part.length);
        batch.put(part);
      } else batch.putNumber(payloadFlag + payload);
    }
    this.#socket.schedule();
  }

  end(stream: number, trailers: SentHeaders): void {
    this.send(toWorker.end, stream, encodeHeaders(trailers));
  }

  /** Any other frame. */
  send(kind: number, about: number, body?: Uint8Array): void {
    this.#socket.batch.add(kind, about, body);
    this.#socket.schedule();
  }

  /** The number under which the worker knows the bytes; undefined for those that are not worth one. */
  #payload(bytes: Uint8Array): number | undefined {
    if (bytes.length < minPayloadBytes || bytes.length > maxOneBytes) return undefined;
    const known = this.#payloads.get(bytes);
    if (known !== undefined) return known;
    this.#lastPayload = (this.#lastPayload + 1) % payloadFlag;
    this.#definedPayloads += 1;
    this.#socket.batch.add(toWorker.define, this.#lastPayload, bytes);
    this.#payloads.set(bytes, this.#lastPayload);
    return this.#lastPayload;
  }
}
