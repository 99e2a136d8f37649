// Connections of clients from the moment they are accepted: TLS, HTTP/2, and leaving without a jolt. In: sockets. Out: streams.

import type { Socket } from 'node:net';
import { createServer as createTlsServer, type TLSSocket } from 'node:tls';
import { Http2Connection } from '../http2/connection.ts';
import type { HttpStream, OpenStream } from './http-stream.ts';
import type { RotatingServerTls } from './rotating-server-tls.ts';
import type { TransportLimits } from './transport-limits.ts';

export interface ClientConnectionsOptions {
  /** Absent: plaintext. */
  readonly tls?: RotatingServerTls | undefined;
  readonly limits: TransportLimits;
  /** Takes a stream that a client has opened. */
  readonly begin: (stream: HttpStream) => OpenStream;
}

/**
 * With the header of its frame one TLS record, which fits into two pages of memory. Node keeps the buffers of a TLS connection's
 * largest burst for as long as the connection lives, so no burst is larger; smaller ones cost more processor time than they save memory.
 */
const maxTlsPieceBytes = 8 * 1024 - 128;
/** In plaintext nothing is kept. */
const maxPieceBytes = 64 * 1024;

export class ClientConnections {
  readonly #connections = new Set<Http2Connection>();
  /** All that are open, those that never get as far as HTTP/2 too. */
  readonly #sockets = new Set<Socket>();
  readonly #begin: (socket: Socket) => void;
  readonly #release: () => void;
  #closing = false;

  constructor({ tls, limits, begin }: ClientConnectionsOptions) {
    const pieceBytes = tls === undefined ? maxPieceBytes : maxTlsPieceBytes;
    const serve = (socket: Socket): void => {
      // It came during the handshake.
      if (this.#closing) {
        socket.destroy();
        return;
      }
      const connection = new Http2Connection(socket, {
        limits,
        begin,
        maxPieceBytes: pieceBytes,
        onClose: () => this.#connections.delete(connection),
      });
      this.#connections.add(connection);
    };
    const beginner = beginnerOf(tls, limits, serve);
    this.#begin = beginner.begin;
    this.#release = beginner.release;
  }

  /** Knows of a socket that is not read yet, so that it ends with the others. */
  hold(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    socket.on('error', () => undefined);
  }

  /** Reads a socket that it holds, all that the client has sent so far included. */
  serve(socket: Socket): void {
    if (this.#closing) socket.destroy();
    else if (!socket.destroyed) this.#begin(socket);
  }

  /** Serves no new ones, and tells clients to go elsewhere with what they open next. */
  leave(): void {
    this.#closing = true;
    this.#release();
    for (const connection of this.#connections) connection.leave();
  }

  /** Cuts all that are left. */
  destroy(): void {
    for (const connection of this.#connections) connection.destroy();
    for (const socket of this.#sockets) socket.destroy();
  }
}

/** Begins with a connection, and serves it when it is ready for HTTP/2. One that fails before concerns nobody but its client. */
function beginnerOf(
  tls: RotatingServerTls | undefined,
  limits: TransportLimits,
  serve: (socket: Socket) => void,
): { readonly begin: (socket: Socket) => void; readonly release: () => void } {
  if (tls === undefined) {
    const begin = (socket: Socket): void => {
      serve(socket);
      // It was accepted without reading.
      socket.resume();
    };
    return { begin, release: () => undefined };
  }
  // Never listens by itself.
  const server = createTlsServer({
    ...tls.context,
    // A list would be copied for each connection, into memory that is shared with what is long gone and lives on with it.
    ALPNCallback: ({ protocols }) => (protocols.includes('h2') ? 'h2' : undefined),
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
  // One whose handshake takes too long is only told of, not ended.
  server.on('tlsClientError', (_, socket) => socket.destroy());
  return {
    begin: (socket) => void server.emit('connection', socket),
    release: tls.onReplaced((context) => server.setSecureContext(context)),
  };
}
