// gRPC's framing of requests: each message behind a byte that says whether it is compressed and four bytes of length. In: chunks
// in any sizes. Out: whole messages, as views of what was received where a message came in one piece.

import type { GrpcStatus } from './status.ts';

const prefixBytes = 5;

export class MessageReader {
  readonly #maxBytes: number;
  /** Begins with what was received and not yet handed out; it grows by doubling, however small the chunks are. */
  #bytes: Buffer = nothing;
  #length = 0;

  /** `maxBytes`: of one message. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Received of a message that is not whole; 0: the stream may end here. */
  get heldBytes(): number {
    return this.#length;
  }

  /** The message that a chunk is, neither more nor less, as nearly every chunk: an answer comes in a frame of its own. */
  whole(chunk: Buffer): Buffer | undefined {
    const length = chunk.length - prefixBytes;
    if (this.#length > 0 || length < 0 || length > this.#maxBytes || chunk[0] !== 0) return undefined;
    return chunk.readUInt32BE(1) === length ? chunk.subarray(prefixBytes) : undefined;
  }

  /** Hands out what is complete, until `onMessage` says false. Returns why the rest can't be read. */
  push(chunk: Buffer, onMessage: (message: Uint8Array) => boolean): GrpcStatus | undefined {
    const only = this.whole(chunk);
    if (only !== undefined) {
      onMessage(only);
      return undefined;
    }
    const all = this.#with(chunk);
    let offset = 0;
    while (all.length - offset >= prefixBytes) {
      const wrong = this.#complaint(all, offset);
      if (wrong !== undefined) return wrong;
      const length = prefixBytes + all.readUInt32BE(offset + 1);
      if (all.length - offset < length) break;
      const message = all.subarray(offset + prefixBytes, offset + length);
      offset += length;
      if (!onMessage(message)) return undefined;
    }
    // What was handed out are views: the rest goes on in memory of its own.
    if (offset > 0) this.#bytes = Buffer.from(all.subarray(offset));
    this.#length = all.length - offset;
    return undefined;
  }

  #complaint(bytes: Buffer, offset: number): GrpcStatus | undefined {
    const flag = bytes[offset];
    if (flag === 1) return { code: 'UNIMPLEMENTED', message: 'compressed messages are not supported' };
    if (flag !== 0) return { code: 'INTERNAL', message: 'a message begins with neither 0 nor 1' };
    const length = bytes.readUInt32BE(offset + 1);
    if (length <= this.#maxBytes) return undefined;
    return { code: 'RESOURCE_EXHAUSTED', message: `a message of ${length} bytes; ${this.#maxBytes} are accepted` };
  }

  #with(chunk: Buffer): Buffer {
    const length = this.#length + chunk.length;
    if (length > this.#bytes.length) {
      const grown = Buffer.allocUnsafe(Math.max(length, 2 * this.#bytes.length));
      this.#bytes.copy(grown, 0, 0, this.#length);
      this.#bytes = grown;
    }
    chunk.copy(this.#bytes, this.#length);
    return this.#bytes.subarray(0, length);
  }
}

const nothing = Buffer.alloc(0);
