// In a worker: a stream of a client, said to the main process. Reads as much as it was given credit for.

import type { HttpStream } from '../grpc/http-stream.ts';
import type { GrpcStatus } from '../grpc/status.ts';
import type { FrameSocket } from './frame-socket.ts';
import { toMain } from './frames.ts';
import { decodeHeaders, encodeOpened, encodeStatus } from './stream-fields.ts';

export interface ServedStreamOptions {
  /** Unique among the open streams of the worker. */
  readonly id: number;
  /** The number of its port. */
  readonly port: number;
  readonly stream: HttpStream;
  readonly socket: FrameSocket;
  readonly closed: () => void;
}

export class ServedStream {
  readonly #options: ServedStreamOptions;
  /** Bytes that may be read; what comes at a stroke is read whole, so it may fall below zero. */
  #credit = 0;
  #reading = false;
  #paused = false;
  #answered = false;

  constructor(options: ServedStreamOptions) {
    this.#options = options;
    const { id, port, stream, closed } = options;
    this.#say(toMain.opened, encodeOpened({ port, peer: stream.peer, headers: stream.headers }));
    stream.onClose(() => {
      closed();
      options.socket.batch.add(toMain.closed, id);
      options.socket.schedule();
    });
  }

  /** The connection ends it. */
  interrupt(status: GrpcStatus): void {
    this.#say(toMain.interrupted, encodeStatus(status));
  }

  credit(bytes: number): void {
    const { stream } = this.#options;
    this.#credit += bytes;
    if (!this.#reading) {
      this.#reading = true;
      stream.read({ data: (chunk) => this.#read(chunk), ended: () => this.#say(toMain.ended) });
    } else if (this.#paused && this.#credit > 0) {
      this.#paused = false;
      stream.resume();
    }
  }

  respond(body: Buffer): void {
    this.#options.stream.respond(decodeHeaders(body));
  }

  message(parts: readonly Uint8Array[]): void {
    const { id, socket, stream } = this.#options;
    stream.write(parts, () => {
      socket.batch.addCount(toMain.taken, id, 1);
      socket.schedule();
    });
  }

  end(body: Buffer): void {
    this.#answered = true;
    this.#options.stream.end(decodeHeaders(body));
  }

  reset(): void {
    this.#options.stream.reset();
  }

  leaveConnection(): void {
    this.#options.stream.leaveConnection();
  }

  #read(chunk: Buffer): void {
    // Nobody hears what comes after the answer.
    if (this.#answered) return;
    this.#say(toMain.data, chunk);
    this.#credit -= chunk.length;
    if (this.#credit > 0) return;
    this.#paused = true;
    this.#options.stream.pause();
  }

  #say(kind: number, body?: Uint8Array): void {
    const { id, socket } = this.#options;
    socket.batch.add(kind, id, body);
    socket.schedule();
  }
}
