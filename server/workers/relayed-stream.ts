// In the main process: a stream that a worker serves, as an HttpStream. Reading is bounded by credit: a worker sends no more of
// a stream than was read of it plus one window, so that what a stream may say while it waits is bounded here and there.

import type { ConnectionPeer, HttpStream, ReceivedHeaders, StreamReader } from '../grpc/http-stream.ts';
import type { SentHeaders } from '../grpc/status.ts';
import { UnreadBytes } from '../http2/unread-bytes.ts';
import { toWorker } from './frames.ts';
import type { RelayOutput } from './relay-output.ts';
import type { OpenedStream } from './stream-fields.ts';

const windowBytes = 32 * 1024;

export class RelayedStream implements HttpStream {
  readonly peer: ConnectionPeer;
  readonly headers: ReceivedHeaders;
  readonly #id: number;
  readonly #output: RelayOutput;
  readonly #onClose: (() => void)[] = [];
  /** Of messages that the worker has not handed to its transport, in order; as many as the handler writes before it waits. */
  readonly #untaken: (() => void)[] = [];
  /** Received, and not read because the stream is paused. At most a window and what the worker read at a stroke. */
  readonly #held = new UnreadBytes();
  #reader: StreamReader | undefined;
  #paused = false;
  #peerEnded = false;
  /** Read, and not yet given back as credit. */
  #readBytes = 0;
  #gone = false;

  constructor(id: number, { peer, headers }: OpenedStream, output: RelayOutput) {
    this.#id = id;
    this.peer = peer;
    this.headers = headers;
    this.#output = output;
  }

  onClose(closed: () => void): void {
    this.#onClose.push(closed);
  }

  read(reader: StreamReader): void {
    this.#reader = reader;
    if (!this.#gone) this.#output.credit(this.#id, windowBytes);
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    // Not at once: who resumes may have more to do before the next message.
    queueMicrotask(() => this.#deliver());
  }

  leaveConnection(): void {
    if (!this.#gone) this.#output.send(toWorker.leaveConnection, this.#id);
  }

  respond(headers: SentHeaders): void {
    if (!this.#gone) this.#output.respond(this.#id, headers);
  }

  write(message: readonly Uint8Array[], taken: () => void): void {
    if (this.#gone) return;
    this.#untaken.push(taken);
    this.#output.message(this.#id, message);
  }

  end(trailers: SentHeaders): void {
    if (this.#gone) return;
    // What the client still sends is of no use to anybody, and what it has sent is not held by its reader any more.
    this.#reader = { data: () => undefined, ended: () => undefined };
    this.resume();
    this.#output.end(this.#id, trailers);
  }

  reset(): void {
    if (!this.#gone) this.#output.send(toWorker.reset, this.#id);
  }

  /** The worker read this of it. The bytes are copied: what they came with is not held with them. */
  received(bytes: Buffer): void {
    this.#held.push(bytes);
    this.#deliver();
  }

  /** The client sends nothing more. */
  ended(): void {
    this.#peerEnded = true;
    this.#deliver();
  }

  /** So many more messages are on their way to the client. */
  taken(count: number): void {
    for (const taken of this.#untaken.splice(0, count)) taken();
  }

  /** Nothing goes either way any more. */
  closed(): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#held.clear();
    for (const closed of this.#onClose) closed();
  }

  #deliver(): void {
    while (!this.#paused && !this.#gone && this.#reader !== undefined) {
      const chunk = this.#held.shift();
      if (chunk === undefined) break;
      this.#readBytes += chunk.length;
      this.#reader.data(chunk);
    }
    if (this.#gone || this.#paused) return;
    if (this.#readBytes >= windowBytes / 2) {
      this.#output.credit(this.#id, this.#readBytes);
      this.#readBytes = 0;
    }
    if (!this.#peerEnded || this.#held.length > 0) return;
    this.#peerEnded = false;
    this.#reader?.ended();
  }
}
