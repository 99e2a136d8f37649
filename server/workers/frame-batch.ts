// Frames of one turn of the event loop, as few buffers: small things are copied together, large bytes go as they are.

import { frameHeaderBytes } from './frames.ts';

const roomBytes = 16 * 1024;

/** Up to this size bytes are copied; it costs less than a buffer of its own. */
const maxCopiedBytes = 2048;

export class FrameBatch {
  #chunks: Uint8Array[] = [];
  #bytes = 0;
  #room = Buffer.allocUnsafe(0);
  /** What of the room is filled and in no chunk yet. */
  #start = 0;
  #end = 0;

  /** Bytes that are added and not taken. */
  get bytes(): number {
    return this.#bytes;
  }

  /** A whole frame. `about`: a number of 32 bits. */
  add(kind: number, about: number, body?: Uint8Array): void {
    this.begin(kind, about, body?.length ?? 0);
    if (body !== undefined) this.put(body);
  }

  /** A whole frame whose body is a number. */
  addCount(kind: number, about: number, count: number): void {
    this.begin(kind, about, 4);
    this.putNumber(count);
  }

  /** The head of a frame; exactly `bodyBytes` are put behind it. */
  begin(kind: number, about: number, bodyBytes: number): void {
    this.#reserve(frameHeaderBytes);
    this.#room[this.#end] = 0;
    this.#room.writeUInt32BE(frameHeaderBytes - 5 + bodyBytes, this.#end + 1);
    this.#room[this.#end + 5] = kind;
    this.#room.writeUInt32BE(about, this.#end + 6);
    this.#advance(frameHeaderBytes);
  }

  putNumber(value: number): void {
    this.#reserve(4);
    this.#room.writeUInt32BE(value, this.#end);
    this.#advance(4);
  }

  /** They are not changed after this. */
  put(bytes: Uint8Array): void {
    if (bytes.length <= maxCopiedBytes) {
      this.#reserve(bytes.length);
      this.#room.set(bytes, this.#end);
      this.#advance(bytes.length);
      return;
    }
    this.#cut();
    this.#chunks.push(bytes);
    this.#bytes += bytes.length;
  }

  /** All that was added, in order. */
  take(): readonly Uint8Array[] {
    this.#cut();
    const chunks = this.#chunks;
    this.#chunks = [];
    this.#bytes = 0;
    return chunks;
  }

  #advance(bytes: number): void {
    this.#end += bytes;
    this.#bytes += bytes;
  }

  #reserve(bytes: number): void {
    if (this.#room.length - this.#end >= bytes) return;
    this.#cut();
    this.#room = Buffer.allocUnsafe(roomBytes);
    this.#start = 0;
    this.#end = 0;
  }

  #cut(): void {
    if (this.#end > this.#start) this.#chunks.push(this.#room.subarray(this.#start, this.#end));
    this.#start = this.#end;
  }
}
