// One port that serves gRPC, plaintext or TLS: listening, connections, and leaving without a jolt.

import { once } from 'node:events';
import { performServerHandshake, type ServerOptions } from 'node:http2';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TLSSocket } from 'node:tls';
import type { Call, CallHandler } from './call.ts';
import { Http2Connection } from './http2-connection.ts';
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

/** Connections that wait to be accepted: all proxies of an instance that has gone come at once. */
const backlog = 4096;

export class GrpcPort {
  readonly #server: Server;
  readonly #connections = new Set<Http2Connection>();
  /** All that are open, those that never get as far as HTTP/2 too. */
  readonly #sockets = new Set<Socket>();
  readonly #release: () => void;
  #closing = false;

  private constructor(options: GrpcPortOptions) {
    const limits = { ...defaultTransportLimits, ...options.limits };
    const http2 = http2Options(limits);
    const serve = (socket: Socket): void => {
      const session = performServerHandshake(socket, http2);
      const connection = new Http2Connection(session, { ...options, limits });
      this.#connections.add(connection);
      session.once('close', () => this.#connections.delete(connection));
    };
    const { begin, release } = beginner(options.tls, limits, serve);
    const { admit = (newcomer: WaitingConnection): void => newcomer.admit() } = options;
    // Not read before it is admitted; then all that the client has sent is still there.
    this.#server = createServer({ noDelay: true, pauseOnConnect: true }, (socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
      socket.on('error', () => undefined);
      admit({
        admit: () => {
          if (this.#closing) socket.destroy();
          else if (!socket.destroyed) begin(socket);
        },
        refuse: () => socket.destroy(),
      });
    });
    this.#release = release;
  }

  /** The port that was bound. */
  get port(): number {
    return portOf(this.#server.address());
  }

  /** Rejects when the address can't be bound. */
  static async open(options: GrpcPortOptions): Promise<GrpcPort> {
    const port = new GrpcPort(options);
    port.#server.listen({ ...splitAddress(options.address), backlog });
    await once(port.#server, 'listening');
    return port;
  }

  /**
   * Accepts nothing new, tells clients to go elsewhere with what they open next, and waits for the calls to end. When
   * the signal aborts, those that are left are cut.
   */
  async close(signal: AbortSignal): Promise<void> {
    this.#release();
    this.#closing = true;
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const connection of this.#connections) connection.leave();
    const force = (): void => {
      for (const connection of this.#connections) connection.destroy();
      // Those that never got as far as HTTP/2.
      for (const socket of this.#sockets) socket.destroy();
    };
    if (signal.aborted) force();
    signal.addEventListener('abort', force, { once: true });
    await closed;
    signal.removeEventListener('abort', force);
  }
}

/** Begins with a connection, and serves it when it is ready for HTTP/2. One that fails before concerns nobody but its client. */
function beginner(
  tls: RotatingServerTls | undefined,
  limits: TransportLimits,
  serve: (socket: Socket) => void,
): { readonly begin: (socket: Socket) => void; readonly release: () => void } {
  if (tls === undefined) {
    const begin = (socket: Socket): void => {
      serve(socket);
      // The session reads from the socket's handle, and does not begin by itself.
      socket.resume();
    };
    return { begin, release: () => undefined };
  }
  // Never listens by itself.
  const server = createTlsServer({
    ...tls.context,
    ALPNProtocols: ['h2'],
    // A token may take the place of a certificate; one that is not trusted counts as none.
    requestCert: true,
    rejectUnauthorized: false,
    handshakeTimeout: limits.handshakeTimeoutMs,
  });
  server.on('secureConnection', (socket: TLSSocket) => {
    socket.on('error', () => undefined);
    if (socket.alpnProtocol === 'h2') serve(socket);
    else socket.destroy();
  });
  server.on('tlsClientError', () => undefined);
  return {
    begin: (socket) => void server.emit('connection', socket),
    release: tls.onReplaced((context) => server.setSecureContext(context)),
  };
}

function http2Options(limits: TransportLimits): ServerOptions {
  return {
    maxSessionMemory: limits.maxSessionMemoryMib,
    settings: {
      maxConcurrentStreams: limits.maxConcurrentStreams,
      maxHeaderListSize: limits.maxHeaderBytes,
    },
  };
}

/** `[::1]:15010` is host `::1`. */
function splitAddress(address: string): { readonly host: string; readonly port: number } {
  const colon = address.lastIndexOf(':');
  return { host: address.slice(0, colon).replace(/^\[(.*)\]$/, '$1'), port: Number(address.slice(colon + 1)) };
}

function portOf(address: string | AddressInfo | null): number {
  return address === null || typeof address === 'string' ? 0 : address.port;
}
