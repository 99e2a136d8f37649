// A socket without a network: what the server writes is handed to whoever made it.

import { Socket } from 'node:net';

type Done = (error?: Error | null) => void;

export interface MadeUpSocketOptions {
  readonly receive: (bytes: Buffer) => void;
  /** Runs what a network would bring later. */
  readonly later: (event: () => void) => void;
}

export class MadeUpSocket extends Socket {
  readonly #options: MadeUpSocketOptions;

  constructor(options: MadeUpSocketOptions) {
    super();
    this.#options = options;
  }

  override _read(): void {
    // What comes is pushed.
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    const { receive, later } = this.#options;
    later(() => {
      done();
      receive(chunk);
    });
  }

  override _writev(chunks: readonly { readonly chunk: Buffer }[], done: Done): void {
    this._write(Buffer.concat(chunks.map(({ chunk }) => chunk)), 'latin1', done);
  }
}
