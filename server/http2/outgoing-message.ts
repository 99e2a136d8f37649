// A gRPC message on its way out: its parts behind the five bytes of gRPC, in DATA frames as large as the client takes them.
// The parts are sent as they are, since other streams may be sending them too.

import { frameHeaderBytes, frameTypes } from './frame-types.ts';
import { writeFrameHeader } from './frames.ts';

export const grpcPrefixBytes = 5;

/** Up to this size a message is copied behind its frame header and written as one. */
export const maxCopiedBytes = 4096;

export interface FrameRoom {
  readonly streamId: number;
  /** Of all payloads together. */
  readonly bytes: number;
  /** Of one payload. */
  readonly maxFrameBytes: number;
}

export class OutgoingMessage {
  readonly #parts: readonly Uint8Array[];
  /** Called when the transport has taken all of it. */
  readonly taken: () => void;
  /** Of the message with its prefix, not yet handed out. */
  #left: number;
  /** Where the rest begins: a part, and an offset in it. Part -1 is the prefix. */
  #part = -1;
  #offset = 0;
  readonly #length: number;

  constructor(parts: readonly Uint8Array[], taken: () => void) {
    this.#parts = parts;
    this.taken = taken;
    let length = 0;
    for (const part of parts) length += part.length;
    this.#length = length;
    this.#left = grpcPrefixBytes + length;
  }

  get left(): number {
    return this.#left;
  }

  /** The next frames, as far as there is room. */
  next({ streamId, bytes, maxFrameBytes }: FrameRoom): { readonly buffers: Uint8Array[]; readonly bytes: number } {
    const buffers: Uint8Array[] = [];
    let room = Math.min(bytes, this.#left);
    const taken = room;
    while (room > 0) {
      const length = Math.min(room, maxFrameBytes);
      const begins = this.#part === -1;
      const head = Buffer.allocUnsafe(
        frameHeaderBytes + (begins ? Math.min(length, grpcPrefixBytes - this.#offset) : 0),
      );
      writeFrameHeader(head, 0, { length, type: frameTypes.data, flags: 0, streamId });
      buffers.push(head);
      let left = length;
      if (begins) left -= this.#takePrefix(head);
      this.#takeParts(buffers, left);
      room -= length;
    }
    this.#left -= taken;
    return { buffers, bytes: taken };
  }

  /** A window may be smaller than the prefix. */
  #takePrefix(head: Buffer): number {
    const prefix = grpcPrefix(this.#length);
    const count = head.length - frameHeaderBytes;
    head.set(prefix.subarray(this.#offset, this.#offset + count), frameHeaderBytes);
    this.#offset += count;
    if (this.#offset === grpcPrefixBytes) {
      this.#part = 0;
      this.#offset = 0;
    }
    return count;
  }

  #takeParts(buffers: Uint8Array[], bytes: number): void {
    let left = bytes;
    while (left > 0) {
      const part = this.#parts[this.#part];
      if (part === undefined) return;
      const end = Math.min(part.length, this.#offset + left);
      if (end > this.#offset) buffers.push(part.subarray(this.#offset, end));
      left -= end - this.#offset;
      this.#offset = end;
      if (end < part.length) continue;
      this.#part += 1;
      this.#offset = 0;
    }
  }
}

function grpcPrefix(length: number): Buffer {
  const bytes = Buffer.allocUnsafe(grpcPrefixBytes);
  bytes[0] = 0;
  bytes.writeUInt32BE(length, 1);
  return bytes;
}

/** A small message in one frame, behind what has to go before it. */
export function oneFrame(streamId: number, parts: readonly Uint8Array[], length: number, before: Uint8Array): Buffer {
  const start = before.length;
  const bytes = Buffer.allocUnsafe(start + frameHeaderBytes + grpcPrefixBytes + length);
  if (start > 0) bytes.set(before, 0);
  writeFrameHeader(bytes, start, { length: grpcPrefixBytes + length, type: frameTypes.data, flags: 0, streamId });
  const prefixStart = start + frameHeaderBytes;
  bytes[prefixStart] = 0;
  bytes.writeUInt32BE(length, prefixStart + 1);
  let offset = prefixStart + grpcPrefixBytes;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
}
