// One port that serves gRPC by workers, with the options and the manners of a GrpcPort. This process accepts, so that the door
// counts all connections, and a worker's death loses none that it has not got.

import { createServer, type Server, type Socket } from 'node:net';
import { beginCall } from '../grpc/begin-call.ts';
import { GrpcPort, type GrpcPortOptions, type WaitingConnection } from '../grpc/grpc-port.ts';
import { listen, portOf } from '../grpc/listen.ts';
import { defaultTransportLimits } from '../grpc/transport-limits.ts';
import type { WorkerPool } from './worker-pool.ts';

/** A port that is open, whoever serves it. */
export type OpenPort = Pick<GrpcPort, 'port' | 'close'>;

/** By workers where there are any, else in this process. Rejects when the address can't be bound. */
export function openGrpcPort(options: GrpcPortOptions, workers: WorkerPool | undefined): Promise<OpenPort> {
  return workers === undefined ? GrpcPort.open(options) : WorkerPort.open(options, workers);
}

export class WorkerPort implements OpenPort {
  readonly #server: Server;
  readonly #workers: WorkerPool;
  readonly #number: number;
  readonly #release: () => void;
  /** Not given to a worker yet. */
  readonly #waiting = new Set<Socket>();
  #closing = false;

  private constructor(options: GrpcPortOptions, workers: WorkerPool, number: number) {
    this.#workers = workers;
    this.#number = number;
    const { tls, admit = (newcomer: WaitingConnection): void => newcomer.admit() } = options;
    this.#release = tls?.onReplaced(() => workers.certificateChanged(number)) ?? ((): void => undefined);
    this.#server = createServer({ noDelay: true, pauseOnConnect: true }, (socket) => {
      this.#waiting.add(socket);
      socket.on('error', () => undefined);
      socket.once('close', () => this.#waiting.delete(socket));
      admit({ admit: () => this.#admit(socket), refuse: () => socket.destroy() });
    });
  }

  /** The port that was bound. */
  get port(): number {
    return portOf(this.#server);
  }

  /** Rejects when the address can't be bound. */
  static async open(options: GrpcPortOptions, workers: WorkerPool): Promise<WorkerPort> {
    const limits = { ...defaultTransportLimits, ...options.limits };
    const rules = { ...options, limits };
    const number = await workers.open({
      setup: () => ({ limits, certificate: options.tls?.certificate }),
      begin: (stream) => beginCall(stream, rules),
    });
    const port = new WorkerPort(options, workers, number);
    await listen(port.#server, options.address);
    return port;
  }

  /** As `GrpcPort.close`. */
  async close(signal: AbortSignal): Promise<void> {
    this.#closing = true;
    this.#release();
    this.#server.close();
    for (const socket of this.#waiting) socket.destroy();
    await this.#workers.close(this.#number, signal);
  }

  #admit(socket: Socket): void {
    this.#waiting.delete(socket);
    if (this.#closing) socket.destroy();
    else if (!socket.destroyed) this.#workers.place({ port: this.#number, connection: socket });
  }
}
