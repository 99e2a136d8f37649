// Pieces of a byte stream → its lines, one at a time, never more than one line in memory. A line that is too long is passed over and
// only its beginning handed out, so that one object can't exhaust the memory or stop the others.

import { KubeError } from './kube-error.ts';

export type StreamLine =
  | { readonly kind: 'line'; readonly text: string }
  /** `beginning`: its first characters; enough to see which object it was. */
  | { readonly kind: 'oversized'; readonly beginning: string };

export interface LineSplitterOptions {
  readonly maxLineBytes: number;
  /** Empty lines are left out. */
  readonly onLine: (line: StreamLine) => void;
}

const newline = 0x0a;
const beginningBytes = 4096;

export class LineSplitter {
  readonly #options: LineSplitterOptions;
  /** Of a line that has not ended: all of it, or its beginning when it is too long. */
  #parts: Uint8Array[] = [];
  #size = 0;
  #isOversized = false;

  constructor(options: LineSplitterOptions) {
    this.#options = options;
  }

  /** Hands out the lines that end in this piece. Throws what `onLine` throws, and is not to be used any more then. */
  push(piece: Uint8Array): void {
    const bytes = Buffer.from(piece.buffer, piece.byteOffset, piece.length);
    let from = 0;
    for (let end = bytes.indexOf(newline); end >= 0; end = bytes.indexOf(newline, from)) {
      const line = this.#line(bytes, from, end);
      from = end + 1;
      if (line !== undefined) this.#options.onLine(line);
    }
    // A copy: the rest of a piece must not keep the whole piece in memory.
    if (from < bytes.length) this.#add(Uint8Array.prototype.slice.call(bytes, from));
  }

  /** The stream has ended. Throws a `malformed` error when that was in the middle of a line. */
  end(): void {
    if (this.#size > 0)
      throw new KubeError('malformed', 'the API server closed the connection in the middle of an object');
  }

  #line(bytes: Buffer, from: number, end: number): StreamLine | undefined {
    if (this.#size === 0 && end - from <= this.#options.maxLineBytes) return asLine(bytes.toString('utf8', from, end));
    this.#add(bytes.subarray(from, end));
    const whole = Buffer.concat(this.#parts);
    const wasOversized = this.#isOversized;
    this.#parts = [];
    this.#size = 0;
    this.#isOversized = false;
    if (wasOversized) return { kind: 'oversized', beginning: whole.toString('utf8', 0, beginningBytes) };
    return asLine(whole.toString('utf8'));
  }

  #add(part: Uint8Array): void {
    this.#size += part.length;
    this.#isOversized ||= this.#size > this.#options.maxLineBytes;
    if (!this.#isOversized || this.#parts.length === 0) this.#parts.push(part);
    else if (this.#parts.length > 1) this.#parts = [Buffer.concat(this.#parts).subarray(0, beginningBytes)];
  }
}

function asLine(text: string): StreamLine | undefined {
  return text.trim() === '' ? undefined : { kind: 'line', text };
}
