// In the main process: one place of the pool, with the worker that has it at present and what all that had it have done.

import type { HttpStream, OpenStream } from '../grpc/http-stream.ts';
import { FrameSocket } from './frame-socket.ts';
import { noUsage, type WorkerUsage } from './usage.ts';
import { WorkerLink } from './worker-link.ts';
import { WorkerProcess, type NewConnection, type WorkerExit } from './worker-process.ts';

export interface PooledWorkerOptions {
  /** From 1 on; the replacement of a worker has its number. */
  readonly number: number;
  readonly begin: (port: number, stream: HttpStream) => OpenStream | undefined;
  /** The worker begins or ceases to serve, or has a connection less. */
  readonly changed: () => void;
  readonly onServing: (pid: number | undefined) => void;
  readonly onLine: (line: string) => void;
}

/** For metrics. Totals are of all workers that had the number. */
export interface WorkerStatus {
  readonly number: number;
  /** Absent while there is none. */
  readonly pid: number | undefined;
  readonly serving: boolean;
  readonly connections: number;
  readonly streams: number;
  readonly lagMs: number;
  /** For the worker, not yet read by it. */
  readonly queuedBytes: number;
  readonly sentBytes: number;
  readonly receivedBytes: number;
  /** Bytes that streams share, times that they were sent. */
  readonly definedPayloads: number;
  readonly usage: WorkerUsage;
  /** How often it was replaced, because it ended or because it did not answer. */
  readonly restarts: { readonly exited: number; readonly hung: number };
}

export interface WorkerEnd {
  readonly exit: WorkerExit;
  /** Why nothing more could be said to it. */
  readonly reason: string;
  readonly unsent: readonly NewConnection[];
}

interface Running {
  readonly process: WorkerProcess;
  readonly socket: FrameSocket;
  readonly link: WorkerLink;
}

/** Looks at it without an answer, after which it is taken for hung; starting takes longer. */
const maxMissedLooks = 10;
const maxStartLooks = 100;

export class PooledWorker {
  readonly number: number;
  readonly #options: PooledWorkerOptions;
  #running: Running | undefined;
  #serving = false;
  /** Open ones by port, those that are on their way to it included. */
  readonly #connections = new Map<number, number>();
  #before = { sentBytes: 0, receivedBytes: 0, definedPayloads: 0 };
  #restarts = { exited: 0, hung: 0 };
  #hung = false;
  #missedLooks = 0;
  #answersSeen = 0;

  constructor(options: PooledWorkerOptions) {
    this.number = options.number;
    this.#options = options;
  }

  /** Undefined while there is no process. */
  get link(): WorkerLink | undefined {
    return this.#running?.link;
  }

  /** It takes connections. */
  get serving(): boolean {
    return this.#serving;
  }

  get queuedBytes(): number {
    return this.#running?.socket.queuedBytes ?? 0;
  }

  get connections(): number {
    let sum = 0;
    for (const count of this.#connections.values()) sum += count;
    return sum;
  }

  connectionsTo(port: number): number {
    return this.#connections.get(port) ?? 0;
  }

  status(): WorkerStatus {
    const running = this.#running;
    return {
      number: this.number,
      pid: running?.process.pid,
      serving: this.#serving,
      connections: this.connections,
      streams: running?.link.streams ?? 0,
      lagMs: running?.link.lagMs ?? 0,
      queuedBytes: this.queuedBytes,
      sentBytes: this.#before.sentBytes + (running?.socket.sentBytes ?? 0),
      receivedBytes: this.#before.receivedBytes + (running?.socket.receivedBytes ?? 0),
      definedPayloads: this.#before.definedPayloads + (running?.link.output.definedPayloads ?? 0),
      usage: running?.link.usage ?? noUsage,
      restarts: this.#restarts,
    };
  }

  /** Runs a worker to its end. `prepare` says what it has to know before it serves. Out: how it ended, and what it never got. */
  async run(prepare: (link: WorkerLink) => void): Promise<WorkerEnd> {
    const process = new WorkerProcess(this.#options.onLine);
    const socket = new FrameSocket(process.relay);
    let reason = 'the process has ended';
    const link = new WorkerLink({
      socket,
      begin: this.#options.begin,
      connectionGone: (port) => this.#count(port, -1),
      // Without it the worker is of no use, if it lives at all.
      closed: (said) => {
        reason = said;
        process.kill();
      },
    });
    this.#running = { process, socket, link };
    this.#hung = false;
    this.#missedLooks = 0;
    this.#answersSeen = 0;
    prepare(link);
    void this.#beginServing(link);
    const exit = await process.exited;
    this.#serving = false;
    this.#running = undefined;
    this.#connections.clear();
    link.close('the worker has ended');
    this.#before = {
      sentBytes: this.#before.sentBytes + socket.sentBytes,
      receivedBytes: this.#before.receivedBytes + socket.receivedBytes,
      definedPayloads: this.#before.definedPayloads + link.output.definedPayloads,
    };
    const { exited, hung } = this.#restarts;
    this.#restarts = this.#hung ? { exited, hung: hung + 1 } : { exited: exited + 1, hung };
    this.#options.changed();
    return { exit, reason, unsent: process.unsent };
  }

  give(given: NewConnection): void {
    this.#count(given.port, 1);
    this.#running?.process.give(given);
  }

  /** Called from time to time: a worker that answers nothing at all for several looks is ended. */
  look(): void {
    const running = this.#running;
    if (running === undefined) return;
    const { answers } = running.link;
    this.#missedLooks = answers === this.#answersSeen ? this.#missedLooks + 1 : 0;
    this.#answersSeen = answers;
    void running.link.ask();
    if (this.#missedLooks <= (this.#serving ? maxMissedLooks : maxStartLooks)) return;
    this.#hung = true;
    running.process.kill();
  }

  /** It ends with all its connections; one that does not is killed. */
  end(graceMs: number): void {
    const running = this.#running;
    if (running === undefined) return;
    running.process.end();
    const late = setTimeout(() => running.process.kill(), graceMs);
    void running.process.exited.then(() => clearTimeout(late));
  }

  async #beginServing(link: WorkerLink): Promise<void> {
    await link.ask();
    if (this.#running?.link !== link) return;
    this.#serving = true;
    this.#options.onServing(this.#running.process.pid);
    this.#options.changed();
  }

  #count(port: number, by: 1 | -1): void {
    this.#connections.set(port, this.connectionsTo(port) + by);
    if (by === -1) this.#options.changed();
  }
}
