// In the main process: what one worker says, and the streams that it serves. Knows nothing of processes.

import type { HttpStream, OpenStream } from '../grpc/http-stream.ts';
import type { FrameSocket } from './frame-socket.ts';
import { toMain, toWorker } from './frames.ts';
import { RelayOutput } from './relay-output.ts';
import { RelayedStream } from './relayed-stream.ts';
import { decodeOpened, decodeStatus } from './stream-fields.ts';
import { decodeUsage, noUsage, type WorkerUsage } from './usage.ts';

export interface WorkerLinkOptions {
  readonly socket: FrameSocket;
  /** Takes a stream of a port; undefined when there is no such port any more. */
  readonly begin: (port: number, stream: HttpStream) => OpenStream | undefined;
  readonly connectionGone: (port: number) => void;
  /** Told once, when all streams were told of their end. */
  readonly closed: (reason: string) => void;
}

interface Served {
  readonly stream: RelayedStream;
  readonly open: OpenStream;
}

export class WorkerLink {
  readonly output: RelayOutput;
  readonly #options: WorkerLinkOptions;
  readonly #streams = new Map<number, Served>();
  /** Waiting for the answer to the question that is open. */
  #answered = Promise.withResolvers<void>();
  #askedMs: number | undefined;
  #answers = 0;
  #lagMs = 0;
  #usage = noUsage;

  constructor(options: WorkerLinkOptions) {
    this.#options = options;
    this.output = new RelayOutput(options.socket);
    options.socket.listen({
      frame: (kind, about, body) => this.#readable(() => this.#frame(kind, about, body)),
      closed: (reason) => this.#closed(reason),
    });
  }

  get streams(): number {
    return this.#streams.size;
  }

  get usage(): WorkerUsage {
    return this.#usage;
  }

  /** Questions that the worker has answered. */
  get answers(): number {
    return this.#answers;
  }

  /** How long the worker took to answer, or has been taking so far: its lateness, and that of this process. */
  get lagMs(): number {
    return this.#askedMs === undefined ? this.#lagMs : Math.max(this.#lagMs, performance.now() - this.#askedMs);
  }

  /** For how long a question has been waiting for its answer. */
  get overdueMs(): number {
    return this.#askedMs === undefined ? 0 : performance.now() - this.#askedMs;
  }

  /** Resolves when the worker has handled all that was said before; or is gone. One question is open at a time. */
  ask(): Promise<void> {
    if (this.#askedMs === undefined) {
      this.#askedMs = performance.now();
      this.output.send(toWorker.ask, 0);
    }
    return this.#answered.promise;
  }

  close(reason: string): void {
    this.#options.socket.close(reason);
  }

  /** A worker whose frames can't be read is of no use. */
  #readable(read: () => void): void {
    try {
      read();
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      this.close(`a frame can't be read: ${error.message}`);
    }
  }

  #frame(kind: number, about: number, body: Buffer): void {
    const served = this.#streams.get(about);
    if (kind === toMain.data) served?.stream.received(body);
    else if (kind === toMain.taken) served?.stream.taken(body.readUInt32BE());
    else if (kind === toMain.opened) this.#opened(about, body);
    else if (kind === toMain.ended) served?.stream.ended();
    else if (kind === toMain.closed) {
      this.#streams.delete(about);
      served?.stream.closed();
    } else if (kind === toMain.interrupted) served?.open.interrupt(decodeStatus(body));
    else if (kind === toMain.connectionGone) this.#options.connectionGone(about);
    else if (kind === toMain.answer) this.#answer(decodeUsage(body));
  }

  #opened(id: number, body: Buffer): void {
    const opened = decodeOpened(body);
    const stream = new RelayedStream(id, opened, this.output);
    const open = this.#options.begin(opened.port, stream);
    if (open === undefined) stream.reset();
    else this.#streams.set(id, { stream, open });
  }

  #answer(usage: WorkerUsage): void {
    this.#usage = usage;
    this.#answers += 1;
    if (this.#askedMs === undefined) return;
    // The first answer comes when the process has started, which says nothing of its lateness.
    if (this.#answers > 1) this.#lagMs = performance.now() - this.#askedMs;
    this.#askedMs = undefined;
    const { resolve } = this.#answered;
    this.#answered = Promise.withResolvers();
    resolve();
  }

  #closed(reason: string): void {
    const streams = [...this.#streams.values()];
    this.#streams.clear();
    for (const { stream } of streams) stream.closed();
    this.#answered.resolve();
    this.#options.closed(reason);
  }
}
