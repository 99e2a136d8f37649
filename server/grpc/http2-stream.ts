// A stream of node:http2 as an HttpStream.

import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import type { ConnectionPeer, HttpStream, StreamReader } from './http-stream.ts';
import { framed } from './message-framing.ts';
import type { SentHeaders } from './status.ts';

/**
 * One TLS record and a DATA frame of the usual size. Node keeps the buffers of a TLS connection's largest burst for as long as the
 * connection lives, so no burst is larger.
 */
const maxPieceBytes = 16 * 1024;

interface Piece {
  readonly piece: Uint8Array;
  /** Of the last piece of a message. */
  readonly taken: (() => void) | undefined;
}

/** What a stream needs of the connection that it is on. */
export interface StreamConnection {
  readonly peer: ConnectionPeer;
  leave(): void;
}

export class Http2Stream implements HttpStream {
  readonly #stream: ServerHttp2Stream;
  readonly peer: ConnectionPeer;
  readonly headers: IncomingHttpHeaders;
  /** Not yet handed to the stream; bounded by what the handler writes before it waits. */
  readonly #queue: Piece[] = [];
  #writing = false;
  /** What follows the queue. */
  #trailers: SentHeaders | undefined;

  readonly #connection: StreamConnection;

  constructor(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, connection: StreamConnection) {
    this.#stream = stream;
    this.headers = headers;
    this.peer = connection.peer;
    this.#connection = connection;
    // What went wrong shows as the stream's end.
    stream.on('error', () => undefined);
  }

  onClose(closed: () => void): void {
    this.#stream.once('close', closed);
  }

  read({ data, ended }: StreamReader): void {
    this.#stream.on('data', data);
    const finish = (): void => {
      // A stream that was reset ends too.
      if (!this.#stream.aborted) ended();
    };
    // One that ends without any data does so before it is read.
    if (this.#stream.readableEnded) queueMicrotask(finish);
    else this.#stream.once('end', finish);
  }

  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }

  leaveConnection(): void {
    this.#connection.leave();
  }

  respond(headers: SentHeaders): void {
    if (this.#gone) return;
    this.#stream.respond({ ...headers }, { waitForTrailers: true });
  }

  write(message: readonly Uint8Array[], taken: () => void): void {
    const parts = framed(message);
    const [only] = parts;
    if (only !== undefined && parts.length === 1 && only.length <= maxPieceBytes && !this.#writing) {
      this.#writing = true;
      this.#hand(only, taken);
      return;
    }
    const last = parts.length - 1;
    for (const [index, part] of parts.entries()) {
      for (let start = 0; ; start += maxPieceBytes) {
        const isEnd = start + maxPieceBytes >= part.length;
        const piece = part.length <= maxPieceBytes ? part : part.subarray(start, start + maxPieceBytes);
        this.#queue.push({ piece, taken: isEnd && index === last ? taken : undefined });
        if (isEnd) break;
      }
    }
    if (!this.#writing) this.#writeNext();
  }

  /** One piece at a time: what the transport took makes room for the next. */
  #writeNext(): void {
    const next = this.#queue.shift();
    this.#writing = next !== undefined;
    if (next === undefined) {
      if (this.#trailers !== undefined) this.#finish(this.#trailers);
      return;
    }
    this.#hand(next.piece, next.taken);
  }

  #hand(piece: Uint8Array, taken: (() => void) | undefined): void {
    if (this.#gone) return;
    this.#stream.write(piece, (error?: Error | null) => {
      // What a reset stream gives back was not taken.
      if ((error !== undefined && error !== null) || this.#stream.destroyed) return;
      taken?.();
      this.#writeNext();
    });
  }

  end(trailers: SentHeaders): void {
    if (this.#gone) return;
    // What the client still sends is of no use to anybody.
    this.#stream.resume();
    this.#trailers = trailers;
    if (!this.#writing) this.#finish(trailers);
  }

  #finish(trailers: SentHeaders): void {
    const stream = this.#stream;
    if (this.#gone) return;
    if (!stream.headersSent) stream.respond({ ...trailers }, { endStream: true });
    else {
      stream.once('wantTrailers', () => stream.sendTrailers({ ...trailers }));
      stream.end();
    }
  }

  reset(): void {
    this.#stream.close(constants.NGHTTP2_CANCEL);
  }

  get #gone(): boolean {
    return this.#stream.destroyed || this.#stream.closed;
  }
}
