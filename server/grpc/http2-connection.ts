// One client connection: its streams, pings that show whether the client is still there, and a farewell that loses nothing.

import { constants, type ServerHttp2Session } from 'node:http2';
import { connectionPeer } from './connection-peer.ts';
import { Http2Stream } from './http2-stream.ts';
import type { ConnectionPeer, HttpStream } from './http-stream.ts';
import type { MessageFramer } from './message-framing.ts';
import type { GrpcStatus } from './status.ts';
import type { TransportLimits } from './transport-limits.ts';

/** Whoever took a stream. */
export interface OpenStream {
  /** Ends it with this status. */
  interrupt(status: GrpcStatus): void;
}

export interface ConnectionOptions {
  readonly limits: TransportLimits;
  /** Shared by all connections. */
  readonly framer: MessageFramer;
  /** Takes a stream that the client has opened. */
  readonly begin: (stream: HttpStream) => OpenStream;
}

/** "a server … SHOULD send an initial GOAWAY frame with the last stream identifier set to 2^31-1" (RFC 9113, 6.8) */
const anyStreamId = 2 ** 31 - 1;

/** A client that is told to leave and has nothing open gets this long to open what it had not yet heard of, and to go. */
const lingerMs = 1000;

const tooOld: GrpcStatus = { code: 'UNAVAILABLE', message: 'the connection has reached its age; connect again' };

export class Http2Connection {
  readonly #session: ServerHttp2Session;
  readonly #options: ConnectionOptions;
  readonly #streams = new Set<OpenStream>();
  readonly #timers: NodeJS.Timeout[] = [];
  #peer: ConnectionPeer | undefined;
  #leaving = false;

  constructor(session: ServerHttp2Session, options: ConnectionOptions) {
    this.#session = session;
    this.#options = options;
    const { keepaliveMs, maxConnectionAgeMs } = options.limits;
    // What went wrong shows as the end of the connection.
    session.on('error', () => undefined);
    session.once('close', () => {
      for (const timer of this.#timers) clearTimeout(timer);
    });
    session.on('stream', (stream, headers) => {
      const opened = options.begin(new Http2Stream(stream, headers, this));
      this.#streams.add(opened);
      stream.once('close', () => {
        this.#streams.delete(opened);
        this.#endWhenIdle();
      });
    });
    this.#timers.push(setInterval(() => this.#ping(), keepaliveMs));
    if (maxConnectionAgeMs > 0) {
      const ageMs = maxConnectionAgeMs * (0.9 + 0.2 * Math.random());
      this.#timers.push(setTimeout(() => this.#retire(), ageMs));
    }
  }

  get framer(): MessageFramer {
    return this.#options.framer;
  }

  get peer(): ConnectionPeer {
    return (this.#peer ??= connectionPeer(this.#session.socket));
  }

  /** Tells the client to open nothing more here; the connection closes when its streams have ended. */
  leave(): void {
    if (this.#leaving || this.#session.destroyed) return;
    this.#leaving = true;
    this.#session.goaway(constants.NGHTTP2_NO_ERROR, anyStreamId);
    // What the client had opened before it heard of it is served: it is all here when it answers.
    this.#onPong(() => this.#session.close());
    this.#endWhenIdle();
  }

  /**
   * nghttp2 wants to read nothing more once GOAWAY was sent and no stream is open, and Node then may not begin to read again
   * after a write: neither the answer to the ping nor the end of the connection would be heard.
   */
  #endWhenIdle(): void {
    if (!this.#leaving || this.#streams.size > 0) return;
    const end = (): void => {
      if (this.#streams.size === 0) this.destroy();
    };
    this.#timers.push(setTimeout(end, lingerMs));
  }

  destroy(): void {
    this.#session.destroy();
  }

  #retire(): void {
    this.leave();
    const end = (): void => {
      for (const stream of this.#streams) stream.interrupt(tooOld);
    };
    this.#timers.push(setTimeout(end, this.#options.limits.maxConnectionAgeGraceMs));
  }

  #ping(): void {
    const late = setTimeout(() => this.destroy(), this.#options.limits.keepaliveTimeoutMs);
    this.#onPong(() => clearTimeout(late));
  }

  /** Called when the client has answered a ping, or the connection is gone. */
  #onPong(pong: () => void): void {
    const sent = !this.#session.destroyed && this.#session.ping(() => pong());
    if (!sent) pong();
  }
}
