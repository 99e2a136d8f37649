// A stream of node:http2 as an HttpStream.

import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import type { ConnectionPeer, HttpStream, StreamReader } from './http-stream.ts';
import type { MessageFramer, Piece } from './message-framing.ts';
import type { SentHeaders } from './status.ts';

interface Message {
  readonly pieces: readonly Piece[];
  readonly taken: () => void;
}

/** What a stream needs of the connection that it is on. */
export interface StreamConnection {
  readonly peer: ConnectionPeer;
  readonly framer: MessageFramer;
  leave(): void;
}

export class Http2Stream implements HttpStream {
  readonly #stream: ServerHttp2Stream;
  readonly peer: ConnectionPeer;
  readonly headers: IncomingHttpHeaders;
  /** Not yet handed to the stream; bounded by what the handler writes before it waits. */
  readonly #queue: Message[] = [];
  /** Of the first message. */
  #nextPiece = 0;
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
    const pieces = this.#connection.framer.pieces(message);
    const [only] = pieces;
    if (only !== undefined && pieces.length === 1 && !this.#writing) {
      this.#writing = true;
      this.#hand(only, taken);
      return;
    }
    this.#queue.push({ pieces, taken });
    if (!this.#writing) this.#writeNext();
  }

  /** One piece at a time: what the transport took makes room for the next. */
  #writeNext(): void {
    const [message] = this.#queue;
    const piece = message?.pieces[this.#nextPiece];
    this.#writing = piece !== undefined;
    if (message === undefined || piece === undefined) {
      if (this.#trailers !== undefined) this.#finish(this.#trailers);
      return;
    }
    this.#nextPiece += 1;
    if (this.#nextPiece < message.pieces.length) return this.#hand(piece, undefined);
    this.#queue.shift();
    this.#nextPiece = 0;
    return this.#hand(piece, message.taken);
  }

  #hand(piece: Piece, taken: (() => void) | undefined): void {
    if (this.#gone) return;
    const stream = this.#stream;
    const done = (error?: Error | null): void => {
      // What a reset stream gives back was not taken.
      if ((error !== undefined && error !== null) || stream.destroyed) return;
      taken?.();
      this.#writeNext();
    };
    const last = piece.length - 1;
    if (last > 0) stream.cork();
    for (const [index, bytes] of piece.entries()) {
      if (index === last) stream.write(bytes, done);
      else stream.write(bytes);
    }
    if (last > 0) stream.uncork();
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
