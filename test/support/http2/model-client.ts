// A client that keeps the rules, and does at random what they allow: it opens streams of an echo, sends messages in pieces of any
// size, resets, half-closes, and moves its windows. In: steps. Out: what each stream must have been answered.

import type { RawClient } from './raw-client.ts';
import {
  dataFrame,
  grpcMessage,
  grpcRequest,
  headersFrames,
  pingFrame,
  rstStreamFrame,
  windowUpdateFrame,
} from './raw-frames.ts';
import { paths } from './transport-scene.ts';

export type Step =
  | { readonly kind: 'open' }
  | { readonly kind: 'send'; readonly stream: number; readonly bytes: number }
  | { readonly kind: 'half-close'; readonly stream: number }
  | { readonly kind: 'reset'; readonly stream: number }
  | { readonly kind: 'grant'; readonly stream: number; readonly bytes: number }
  | { readonly kind: 'settings'; readonly initialWindowSize: number; readonly maxFrameSize: number }
  | { readonly kind: 'ping' };

interface ModelStream {
  readonly id: number;
  /** All that was and will be sent. */
  sent: Buffer;
  /** Of it, so many bytes are on their way. */
  written: number;
  halfClosed: boolean;
  /** The frame that says so was sent. */
  endWritten: boolean;
  reset: boolean;
}

const maxPieceBytes = 16_384;
const maxStreams = 50;
/** After so many the rest is not cut: a write of one byte takes as long as one of thousands. */
const maxCuts = 500;

export class ModelClient {
  readonly #client: RawClient;
  /** The next of them, again and again, says how the bytes are cut into writes. */
  readonly #cuts: readonly number[];
  readonly #streams: ModelStream[] = [];
  #cut = 0;
  #filler = 0;

  constructor(client: RawClient, cuts: readonly number[]) {
    this.#client = client;
    this.#cuts = cuts;
  }

  get resets(): number {
    return this.#streams.filter(({ reset }) => reset).length;
  }

  /** Steps that the rules do not allow at present are left out. */
  take(step: Step): void {
    switch (step.kind) {
      case 'open':
        if (this.#streams.length < maxStreams) this.#open();
        return;
      case 'settings':
        this.#client.sendSettings({ initialWindowSize: step.initialWindowSize, maxFrameSize: step.maxFrameSize });
        return;
      case 'ping':
        this.#write(pingFrame());
        return;
      case 'grant':
        this.#grant(this.#at(step.stream)?.id ?? 0, step.bytes);
        return;
      default: {
        const stream = this.#at(step.stream);
        if (stream === undefined || stream.reset) return;
        if (step.kind === 'reset') {
          stream.reset = true;
          this.#write(rstStreamFrame(stream.id));
        } else if (step.kind === 'half-close') stream.halfClosed = true;
        else if (!stream.halfClosed) this.#fill(stream, step.bytes);
        this.pump();
      }
    }
  }

  /** Sends what the server has room for; called again whenever something comes. */
  pump(): void {
    for (const stream of this.#streams) {
      if (stream.reset) continue;
      while (stream.written < stream.sent.length) {
        const bytes = Math.min(maxPieceBytes, this.#client.ledger.room(stream.id), stream.sent.length - stream.written);
        if (bytes <= 0) break;
        this.#client.ledger.spend(stream.id, bytes);
        this.#write(dataFrame(stream.id, stream.sent.subarray(stream.written, stream.written + bytes)));
        stream.written += bytes;
      }
      if (stream.halfClosed && !stream.endWritten && stream.written === stream.sent.length) {
        stream.endWritten = true;
        this.#write(dataFrame(stream.id, Buffer.alloc(0), true));
      }
    }
  }

  /** Half-closes all, opens all windows, and resolves when every stream has ended. Rejects when one does not. */
  async finish(): Promise<void> {
    for (const stream of this.#streams) stream.halfClosed = true;
    this.#client.sendSettings({ initialWindowSize: 2 ** 30 });
    this.#grant(0, 2 ** 29);
    await this.#client.until(() => {
      this.pump();
      return this.#streams.every(({ id, reset }) => reset || this.#client.ended(id));
    }, 'the end of all streams');
  }

  /** Streams whose answer is not what was sent; of those that were reset, a beginning of it will do. */
  wrongAnswers(): readonly number[] {
    const isRight = ({ id, sent, reset }: ModelStream): boolean => {
      const received = this.#client.received(id);
      return reset ? sent.subarray(0, received.length).equals(received) : received.equals(sent);
    };
    return this.#streams.filter((stream) => !isRight(stream)).map(({ id }) => id);
  }

  #open(): void {
    const id = 1 + 2 * this.#streams.length;
    this.#streams.push({ id, sent: Buffer.alloc(0), written: 0, halfClosed: false, endWritten: false, reset: false });
    this.#write(headersFrames(id, grpcRequest(paths.echo), { maxFragmentBytes: 60 }));
  }

  #fill(stream: ModelStream, bytes: number): void {
    this.#filler += 1;
    stream.sent = Buffer.concat([stream.sent, grpcMessage(Buffer.alloc(bytes, `${this.#filler}-${stream.id}.`))]);
  }

  #grant(streamId: number, bytes: number): void {
    this.#client.ledger.grant(streamId, bytes);
    this.#write(windowUpdateFrame(streamId, bytes));
  }

  #at(index: number): ModelStream | undefined {
    return this.#streams.length === 0 ? undefined : this.#streams[index % this.#streams.length];
  }

  #write(bytes: Buffer): void {
    let left = bytes;
    while (left.length > 0) {
      const isCut = this.#cut < maxCuts;
      const cut = (isCut ? this.#cuts[this.#cut % this.#cuts.length] : undefined) ?? left.length;
      this.#cut += 1;
      this.#client.write(left.subarray(0, cut));
      left = left.subarray(cut);
    }
  }
}
