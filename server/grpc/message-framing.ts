// gRPC's framing: each message behind a byte that says whether it is compressed and four bytes of length. In: chunks of
// a request in any sizes. Out: whole messages, as views of what was received where a message came in one piece.

import type { GrpcStatus } from './status.ts';

const prefixBytes = 5;

/** Up to this size a message is copied behind its prefix and written as one; the parts of a larger one go as they are. */
const maxCopiedBytes = 4096;

/** Buffers that are handed to the transport at once. */
export type Piece = readonly Uint8Array[];

interface Cut {
  /** Of the message that it begins. */
  readonly messageBytes: number;
  readonly pieces: readonly Piece[];
}

/** Cuts messages into pieces. The first part of a large one may be sent to many streams: it is cut once for all of them. */
export class MessageFramer {
  readonly #maxPieceBytes: number;
  readonly #cuts = new WeakMap<Uint8Array, Cut>();

  constructor(maxPieceBytes: number) {
    this.#maxPieceBytes = maxPieceBytes;
  }

  /** What goes onto the wire for a message that is given in parts, one after the other; at least one piece. */
  pieces(parts: readonly Uint8Array[]): readonly Piece[] {
    let length = 0;
    for (const part of parts) length += part.length;
    const [first, ...others] = parts;
    if (first === undefined || length <= maxCopiedBytes) return [[behindPrefix(parts, length)]];
    const pieces = this.#begin(first, length);
    if (others.length === 0) return pieces;
    // What is behind the part that streams share is a few bytes, which would make a write of their own.
    if (length - first.length <= maxCopiedBytes) return [...pieces.slice(0, -1), [...(pieces.at(-1) ?? []), ...others]];
    return [...pieces, ...others.flatMap((part) => this.#divide(part, 0))];
  }

  #begin(part: Uint8Array, messageBytes: number): readonly Piece[] {
    const known = this.#cuts.get(part);
    if (known?.messageBytes === messageBytes) return known.pieces;
    const pieces = [[behindPrefix([], messageBytes), part.subarray(0, this.#maxPieceBytes)]];
    pieces.push(...this.#divide(part, this.#maxPieceBytes));
    this.#cuts.set(part, { messageBytes, pieces });
    return pieces;
  }

  #divide(part: Uint8Array, from: number): Uint8Array[][] {
    const pieces: Uint8Array[][] = [];
    for (let start = from; start < part.length; start += this.#maxPieceBytes) {
      pieces.push([part.subarray(start, start + this.#maxPieceBytes)]);
    }
    return pieces;
  }
}

/** `parts` behind the prefix of a message of so many bytes. */
function behindPrefix(parts: readonly Uint8Array[], messageBytes: number): Uint8Array {
  let length = prefixBytes;
  for (const part of parts) length += part.length;
  const bytes = Buffer.allocUnsafe(length);
  bytes[0] = 0;
  bytes.writeUInt32BE(messageBytes, 1);
  let offset = prefixBytes;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
}

export class MessageReader {
  readonly #maxBytes: number;
  /** Begins with what was received and not yet handed out; it grows by doubling, however small the chunks are. */
  #bytes: Buffer = nothing;
  #length = 0;

  /** `maxBytes`: of one message. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** True when the stream may end here. */
  get betweenMessages(): boolean {
    return this.#length === 0;
  }

  /** Hands out what is complete, until `onMessage` says false. Returns why the rest can't be read. */
  push(chunk: Buffer, onMessage: (message: Uint8Array) => boolean): GrpcStatus | undefined {
    if (this.#length === 0 && this.#isOneMessage(chunk)) {
      onMessage(chunk.subarray(prefixBytes));
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

  /** Nearly every chunk: an answer comes in a frame of its own. */
  #isOneMessage(chunk: Buffer): boolean {
    const length = chunk.length - prefixBytes;
    return length >= 0 && length <= this.#maxBytes && chunk[0] === 0 && chunk.readUInt32BE(1) === length;
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
