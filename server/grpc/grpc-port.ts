// One port that serves gRPC, plaintext or TLS: listening, connections, and leaving without a jolt.

import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { beginCall } from './begin-call.ts';
import type { Call, CallHandler } from './call.ts';
import { ClientConnections } from './client-connections.ts';
import type { HttpStream, OpenStream } from './http-stream.ts';
import { listen, portOf } from './listen.ts';
import type { RotatingServerTls } from './rotating-server-tls.ts';
import type { GrpcStatus } from './status.ts';
import { defaultTransportLimits, type TransportLimits } from './transport-limits.ts';

export interface GrpcPortOptions {
  /** `HOST:PORT`; port 0 takes a free one. */
  readonly address: string;
  /** Absent: plaintext. */
  readonly tls?: RotatingServerTls | undefined;
  /** By path, `/PACKAGE.SERVICE/METHOD`. */
  readonly methods: ReadonlyMap<string, CallHandler>;
  /** Told what handlers throw. */
  readonly onError: (error: unknown) => void;
  /** Told how each call ends, whoever ends it. */
  readonly onEnded?: ((call: Call, status: GrpcStatus) => void) | undefined;
  /** Decides when a connection that was accepted is read; absent: at once. */
  readonly admit?: ((newcomer: WaitingConnection) => void) | undefined;
  readonly limits?: Partial<TransportLimits> | undefined;
}

/** A connection of which nothing was read yet. One of the two is called, once. */
export interface WaitingConnection {
  admit(): void;
  refuse(): void;
}

export class GrpcPort {
  readonly #server: Server;
  readonly #clients: ClientConnections;

  private constructor(options: GrpcPortOptions) {
    const limits = { ...defaultTransportLimits, ...options.limits };
    const begin = (stream: HttpStream): OpenStream => beginCall(stream, { ...options, limits });
    const clients = new ClientConnections({ tls: options.tls, limits, begin });
    this.#clients = clients;
    const { admit = (newcomer: WaitingConnection): void => newcomer.admit() } = options;
    // Not read before it is admitted; then all that the client has sent is still there.
    this.#server = createServer({ noDelay: true, pauseOnConnect: true }, (socket) => {
      clients.hold(socket);
      admit({ admit: () => clients.serve(socket), refuse: () => socket.destroy() });
    });
  }

  /** The port that was bound. */
  get port(): number {
    return portOf(this.#server);
  }

  /** Rejects when the address can't be bound. */
  static async open(options: GrpcPortOptions): Promise<GrpcPort> {
    const port = new GrpcPort(options);
    await listen(port.#server, options.address);
    return port;
  }

  /**
   * Accepts nothing new, tells clients to go elsewhere with what they open next, and waits for the calls to end. When
   * the signal aborts, those that are left are cut.
   */
  async close(signal: AbortSignal): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#clients.leave();
    const force = (): void => this.#clients.destroy();
    if (signal.aborted) force();
    signal.addEventListener('abort', force, { once: true });
    await closed;
    signal.removeEventListener('abort', force);
  }
}
