// gRPC's framing: each message behind a byte that says whether it is compressed and four bytes of length. In: chunks of
// a request in any sizes. Out: whole messages, as views of what was received where a message came in one piece.

import type { GrpcStatus } from './status.ts';

const prefixBytes = 5;

/** Up to this size a message is copied behind its prefix and written as one; the parts of a larger one go as they are. */
const maxCopiedBytes = 4096;

/** What goes onto the wire for a message that is given in parts, one after the other. */
export function framed(parts: readonly Uint8Array[]): readonly Uint8Array[] {
  let length = 0;
  for (const part of parts) length += part.length;
  const copied = length <= maxCopiedBytes;
  const bytes = Buffer.allocUnsafe(copied ? prefixBytes + length : prefixBytes);
  bytes[0] = 0;
  bytes.writeUInt32BE(length, 1);
  if (!copied) return [bytes, ...parts];
  let offset = prefixBytes;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return [bytes];
}

export class MessageReader {
  readonly #maxBytes: number;
  /** Received and not yet handed out; together shorter than what the next message needs. */
  #parts: Buffer[] = [];
  #buffered = 0;

  /** `maxBytes`: of one message. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** True when the stream may end here. */
  get betweenMessages(): boolean {
    return this.#buffered === 0;
  }

  /** Hands out what is complete, until `onMessage` says false. Returns why the rest can't be read. */
  push(chunk: Buffer, onMessage: (message: Uint8Array) => boolean): GrpcStatus | undefined {
    if (this.#buffered === 0 && this.#isOneMessage(chunk)) {
      onMessage(chunk.subarray(prefixBytes));
      return undefined;
    }
    this.#parts.push(chunk);
    this.#buffered += chunk.length;
    if (this.#buffered < prefixBytes) return undefined;
    let all = this.#head();
    let offset = 0;
    for (;;) {
      const left = this.#buffered - offset;
      if (left < prefixBytes) break;
      const wrong = this.#complaint(all, offset);
      if (wrong !== undefined) return wrong;
      const length = prefixBytes + all.readUInt32BE(offset + 1);
      if (left < length) break;
      if (all.length - offset < length) all = this.#joined();
      const message = all.subarray(offset + prefixBytes, offset + length);
      offset += length;
      if (!onMessage(message)) return undefined;
    }
    if (offset > 0) this.#keep(this.#joined().subarray(offset));
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

  /** The first part, long enough to hold the first prefix. */
  #head(): Buffer {
    const [first] = this.#parts;
    return first !== undefined && first.length >= prefixBytes ? first : this.#joined();
  }

  #joined(): Buffer {
    const [first] = this.#parts;
    if (first !== undefined && this.#parts.length === 1) return first;
    const all = Buffer.concat(this.#parts);
    this.#parts = [all];
    return all;
  }

  #keep(rest: Buffer): void {
    this.#parts = rest.length === 0 ? [] : [rest];
    this.#buffered = rest.length;
  }
}
