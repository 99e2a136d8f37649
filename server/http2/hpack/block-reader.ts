// Reads the two things that a header block is made of (RFC 7541, 5): integers and texts. Throws MalformedBlock.

import { decodeHuffman } from './huffman.ts';
import { MalformedBlock } from './malformed-block.ts';

/** Seven bits each: more than any length or index here has. */
const maxContinuationBytes = 4;

export class BlockReader {
  readonly #bytes: Buffer;
  #offset = 0;

  constructor(block: Uint8Array) {
    this.#bytes = Buffer.from(block.buffer, block.byteOffset, block.byteLength);
  }

  get atEnd(): boolean {
    return this.#offset === this.#bytes.length;
  }

  /** The next byte, which stays the next. */
  peek(): number {
    const byte = this.#bytes[this.#offset];
    if (byte === undefined) throw new MalformedBlock('the header block ends within a field');
    return byte;
  }

  /** An integer that begins in the last `prefixBits` of the next byte. */
  integer(prefixBits: number): number {
    const prefix = 2 ** prefixBits - 1;
    const first = this.#take() & prefix;
    if (first < prefix) return first;
    let value = prefix;
    for (let index = 0; index < maxContinuationBytes; index += 1) {
      const byte = this.#take();
      value += (byte & 0x7f) * 2 ** (7 * index);
      if (byte < 0x80) return value;
    }
    throw new MalformedBlock('an integer is too large');
  }

  text(): string {
    const huffman = this.peek() >= 0x80;
    const length = this.integer(7);
    const start = this.#offset;
    const end = start + length;
    if (end > this.#bytes.length) throw new MalformedBlock('the header block ends within a field');
    this.#offset = end;
    return huffman ? decodeHuffman(this.#bytes, start, end) : this.#bytes.toString('latin1', start, end);
  }

  #take(): number {
    const byte = this.peek();
    this.#offset += 1;
    return byte;
  }
}
