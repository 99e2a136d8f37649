// The messages of a call, handed on at the pace of a RequestPacer. While one waits, the stream is not read, so that what waits
// here is at most what came in one piece with it.

import type { HttpStream } from './http-stream.ts';
import type { RequestPacer } from './request-pacer.ts';

export class PacedMessages {
  readonly #stream: Pick<HttpStream, 'pause' | 'resume'>;
  readonly #pacer: RequestPacer;
  readonly #handle: (bytes: Uint8Array) => void;
  /** Behind the one that waits. */
  #held: Uint8Array[] = [];
  #waits = false;
  #finished: (() => void) | undefined;

  constructor(stream: Pick<HttpStream, 'pause' | 'resume'>, pacer: RequestPacer, handle: (bytes: Uint8Array) => void) {
    this.#stream = stream;
    this.#pacer = pacer;
    this.#handle = handle;
  }

  /** Whether a message may be handled at once, by whoever asks; else it is to be taken. */
  passes(bytes: Uint8Array): boolean {
    return !this.#waits && this.#pacer.passes(bytes.length);
  }

  take(bytes: Uint8Array): void {
    if (this.#waits) {
      this.#held.push(bytes);
      return;
    }
    this.#offer(bytes);
    if (this.#waits) this.#stream.pause();
  }

  /** `finished` is called behind all messages. */
  finish(finished: () => void): void {
    if (this.#waits) this.#finished = finished;
    else finished();
  }

  #offer(bytes: Uint8Array): void {
    this.#waits = true;
    let isLater = false;
    this.#pacer.next(bytes.length, () => {
      this.#waits = false;
      this.#handle(bytes);
      if (isLater) this.#continue();
    });
    isLater = true;
  }

  #continue(): void {
    for (const [index, bytes] of this.#held.entries()) {
      this.#offer(bytes);
      if (!this.#waits) continue;
      this.#held = this.#held.slice(index + 1);
      return;
    }
    this.#held = [];
    this.#stream.resume();
    this.#finished?.();
  }
}
