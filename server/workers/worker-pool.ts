// The workers of an instance: as many as were asked for, each replaced when it ends. Connections go to the one that has the fewest
// and answers; streams come back to whoever opened their port.

import type { Clock } from '../../ca/clock.ts';
import { backOffMs, type Random } from '../../discovery/source/kube/back-off.ts';
import type { HttpStream, OpenStream } from '../grpc/http-stream.ts';
import type { Log } from '../log.ts';
import { toWorker } from './frames.ts';
import { PooledWorker, type WorkerStatus } from './pooled-worker.ts';
import { encodeCertificate, encodePortSetup, type PortSetup } from './port-setup.ts';
import type { NewConnection, WorkerExit } from './worker-process.ts';

export interface WorkerPoolOptions {
  readonly count: number;
  readonly log: Log;
  readonly clock: Clock;
  readonly random: Random;
  /** How often it is looked whether workers answer; ten looks without an answer end a worker. A second if not given. */
  readonly lookMs?: number | undefined;
}

/** A port whose connections workers serve. */
export interface PooledPort {
  readonly setup: () => PortSetup;
  readonly begin: (stream: HttpStream) => OpenStream;
}

const backOff = { firstMs: 100, longestMs: 30_000 } as const;

/** One that ran this long was not broken from the start: the next failure counts as the first again. */
const stableMs = 60_000;
const defaultLookMs = 1000;
const endGraceMs = 2000;
const measureMs = 500;

/** A worker that leaves a question unanswered for so long gets no connection while there is another one. */
const overdueMs = 1000;
const overdueScore = 1_000_000;

/** Beyond it a worker has more to read than it can: nobody new is admitted. */
const maxQueuedBytes = 16 * 1024 * 1024;

/** Connections that come while no worker serves; further ones are closed. */
const maxUnplaced = 256;

export class WorkerPool {
  readonly #options: WorkerPoolOptions;
  readonly #workers: readonly PooledWorker[];
  readonly #ports = new Map<number, PooledPort>();
  readonly #stop = new AbortController();
  readonly #onChange = new Set<() => void>();
  #looking: NodeJS.Timeout | undefined;
  #unplaced: NewConnection[] = [];
  #kept: Promise<unknown> = Promise.resolve();
  #lastPort = 0;
  #measured: Promise<unknown> | undefined;

  constructor(options: WorkerPoolOptions) {
    this.#options = options;
    this.#workers = Array.from(
      { length: options.count },
      (_, index) =>
        new PooledWorker({
          number: index + 1,
          begin: (port, stream) => this.#ports.get(port)?.begin(stream),
          changed: () => this.#changed(),
          onServing: (pid) => options.log.info({ worker: index + 1, workerPid: pid }, 'a worker serves'),
          onLine: (line) => options.log.error({ worker: index + 1, line }, 'a worker says'),
        }),
    );
  }

  /** Resolves when all of them serve, or the signal aborts. Called once. */
  async start(signal: AbortSignal): Promise<void> {
    this.#kept = Promise.all(this.#workers.map((worker) => this.#keep(worker)));
    this.#looking = setInterval(() => {
      for (const worker of this.#workers) worker.look();
    }, this.#options.lookMs ?? defaultLookMs);
    await this.#until(() => this.#workers.every((worker) => worker.serving), signal);
  }

  /** There is a worker for one more connection. */
  get ready(): boolean {
    return this.#workers.some((worker) => worker.serving && worker.queuedBytes < maxQueuedBytes);
  }

  /** Lateness of the worker that is the least late. Asks again with every look at it. */
  get lagMs(): number {
    let least = Number.POSITIVE_INFINITY;
    for (const { serving, link } of this.#workers) {
      if (!serving || link === undefined) continue;
      least = Math.min(least, link.lagMs);
      void link.ask();
    }
    return least;
  }

  statuses(): readonly WorkerStatus[] {
    return this.#workers.map((worker) => worker.status());
  }

  /** The same, as the workers say now; as they said last where one takes too long. */
  async measure(): Promise<readonly WorkerStatus[]> {
    this.#measured ??= this.#measure();
    await this.#measured;
    return this.statuses();
  }

  /** All workers know the port when it resolves. Out: its number. */
  async open(port: PooledPort): Promise<number> {
    this.#lastPort += 1;
    const number = this.#lastPort;
    this.#ports.set(number, port);
    const body = encodePortSetup(port.setup());
    await Promise.all(
      this.#workers.map(async ({ link }) => {
        link?.output.send(toWorker.openPort, number, body);
        await link?.ask();
      }),
    );
    return number;
  }

  /** The next handshake on the port gets the certificate that its setup has now. */
  certificateChanged(number: number): void {
    const certificate = this.#ports.get(number)?.setup().certificate;
    if (certificate !== undefined) this.#tell(toWorker.certificate, number, encodeCertificate(certificate));
  }

  /** Gives it to a worker. */
  place(given: NewConnection): void {
    const worker = this.#choose();
    if (worker !== undefined) worker.give(given);
    else if (this.#unplaced.length < maxUnplaced && !this.#stop.signal.aborted) this.#unplaced.push(given);
    else given.connection.destroy();
  }

  /** As `GrpcPort.close`, for the connections of a port. */
  async close(number: number, signal: AbortSignal): Promise<void> {
    for (const { connection } of this.#unplaced.filter(({ port }) => port === number)) connection.destroy();
    this.#unplaced = this.#unplaced.filter(({ port }) => port !== number);
    this.#tell(toWorker.leavePort, number);
    await this.#until(() => this.#connectionsTo(number) === 0, signal);
    this.#tell(toWorker.destroyPort, number);
    this.#ports.delete(number);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    clearInterval(this.#looking);
    for (const { connection } of this.#unplaced.splice(0)) connection.destroy();
    for (const worker of this.#workers) worker.end(endGraceMs);
    await this.#kept;
  }

  /** Keeps one place filled until the pool stops. */
  async #keep(worker: PooledWorker): Promise<void> {
    const { clock, log, random } = this.#options;
    let failures = 0;
    while (!this.#stop.signal.aborted) {
      const startedMs = clock.now();
      const { exit, reason, unsent } = await worker.run((link) => {
        for (const [number, { setup }] of this.#ports) {
          link.output.send(toWorker.openPort, number, encodePortSetup(setup()));
        }
      });
      if (this.#stop.signal.aborted) {
        for (const { connection } of unsent) connection.destroy();
        return;
      }
      failures = clock.now() - startedMs > stableMs ? 1 : failures + 1;
      const delayMs = Math.round(backOffMs(backOff, failures, random));
      log.error(
        { worker: worker.number, ...endOf(exit), reason, failures, delayMs },
        'a worker has ended and is replaced',
      );
      for (const given of unsent) this.place(given);
      await clock.sleep(delayMs, this.#stop.signal);
    }
  }

  /** The one with the fewest connections, of those that answer if there are any. */
  #choose(): PooledWorker | undefined {
    let best: PooledWorker | undefined;
    let bestScore = Number.POSITIVE_INFINITY;
    for (const worker of this.#workers) {
      if (!worker.serving || worker.link === undefined) continue;
      const score = worker.connections + (worker.link.overdueMs > overdueMs ? overdueScore : 0);
      if (score >= bestScore) continue;
      best = worker;
      bestScore = score;
    }
    return best;
  }

  #connectionsTo(port: number): number {
    return this.#workers.reduce((sum, worker) => sum + worker.connectionsTo(port), 0);
  }

  #tell(kind: number, port: number, body?: Uint8Array): void {
    for (const { link } of this.#workers) link?.output.send(kind, port, body);
  }

  async #measure(): Promise<void> {
    const answers = this.#workers.map(async ({ link }) => {
      await link?.ask();
    });
    await Promise.race([Promise.all(answers), this.#options.clock.sleep(measureMs, this.#stop.signal)]);
    this.#measured = undefined;
  }

  #changed(): void {
    if (this.#unplaced.length > 0 && this.ready) for (const given of this.#unplaced.splice(0)) this.place(given);
    for (const changed of this.#onChange) changed();
  }

  /** Resolves when the condition holds after a change, or the signal aborts. */
  #until(condition: () => boolean, signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const look = (): void => {
      if (!signal.aborted && !condition()) return;
      this.#onChange.delete(look);
      signal.removeEventListener('abort', look);
      resolve();
    };
    this.#onChange.add(look);
    signal.addEventListener('abort', look);
    look();
    return promise;
  }
}

function endOf({ code, signal, error }: WorkerExit): object {
  return error === undefined ? { code, signal } : { error };
}
