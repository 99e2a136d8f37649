// A stream of node:http2 as an HttpStream.

import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import type { ConnectionPeer, HttpStream, StreamReader } from './http-stream.ts';
import type { SentHeaders } from './status.ts';

export class Http2Stream implements HttpStream {
  readonly #stream: ServerHttp2Stream;
  readonly peer: ConnectionPeer;
  readonly headers: IncomingHttpHeaders;

  constructor(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, peer: ConnectionPeer) {
    this.#stream = stream;
    this.headers = headers;
    this.peer = peer;
    // What went wrong shows as the stream's end.
    stream.on('error', () => undefined);
  }

  onClose(closed: () => void): void {
    this.#stream.once('close', closed);
  }

  read({ data, ended }: StreamReader): void {
    this.#stream.on('data', data);
    this.#stream.once('end', () => {
      // A stream that was reset ends too.
      if (!this.#stream.aborted) ended();
    });
  }

  respond(headers: SentHeaders): void {
    if (this.#gone) return;
    this.#stream.respond({ ...headers }, { waitForTrailers: true });
  }

  write(parts: readonly Uint8Array[], taken: () => void): void {
    if (this.#gone) return;
    const last = parts.length - 1;
    // What a reset stream gives back was not taken.
    const done = (error?: Error | null): void => {
      if ((error === undefined || error === null) && !this.#stream.destroyed) taken();
    };
    for (const [index, part] of parts.entries()) {
      if (index === last) this.#stream.write(part, done);
      else this.#stream.write(part);
    }
  }

  end(trailers: SentHeaders): void {
    const stream = this.#stream;
    if (this.#gone) return;
    // What the client still sends is of no use to anybody.
    stream.resume();
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
