// Frames of a client, from chunks of any size: its preface first, then frame after frame. A frame is handed out whole, as a
// view of the chunk that it came in. At most one frame is held back.

import type { Fault } from './faults.ts';
import { frameSizeError, protocolError } from './faults.ts';
import { clientPreface, defaultMaxFrameBytes, frameHeaderBytes } from './frame-types.ts';

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  /** Valid until the handler returns. */
  readonly payload: Buffer;
}

export interface FrameReceiver {
  /** Returns what is wrong with it. */
  takeFrame(frame: Frame): Fault | undefined;
}

const preface = Buffer.from(clientPreface, 'latin1');
const nothing = Buffer.alloc(0);

export class FrameReader {
  #prefaceLeft = preface.length;
  /** The beginning of a frame. */
  #begun = nothing;

  /** Hands out what is complete. Returns why nothing more can be read. */
  push(chunk: Buffer, receiver: FrameReceiver): Fault | undefined {
    let offset = 0;
    if (this.#prefaceLeft > 0) {
      offset = Math.min(this.#prefaceLeft, chunk.length);
      const from = preface.length - this.#prefaceLeft;
      if (preface.compare(chunk, 0, offset, from, from + offset) !== 0) return protocolError('not a client of HTTP/2');
      this.#prefaceLeft -= offset;
    }
    if (this.#begun.length > 0) {
      const taken = Math.min(this.#missing(), chunk.length - offset);
      const continued = Buffer.concat([this.#begun, chunk.subarray(offset, offset + taken)]);
      offset += taken;
      this.#begun = nothing;
      const left = readFrames(continued, 0, receiver);
      if (typeof left !== 'number') return left;
      if (left < continued.length) this.#begun = continued;
      // The header alone was missing: now it is known how much more is.
      if (offset < chunk.length && this.#begun.length > 0) return this.push(chunk.subarray(offset), receiver);
    }
    const end = readFrames(chunk, offset, receiver);
    if (typeof end !== 'number') return end;
    // It goes on in memory of its own, so that it does not keep a large chunk.
    if (end < chunk.length) this.#begun = Buffer.from(chunk.subarray(end));
    return undefined;
  }

  /** Of the frame that has begun, or of its header where that is not complete. */
  #missing(): number {
    const bytes = this.#begun;
    if (bytes.length < frameHeaderBytes) return frameHeaderBytes - bytes.length;
    return frameHeaderBytes + bytes.readUIntBE(0, 3) - bytes.length;
  }
}

/** Returns where the frame begins that is not complete. */
function readFrames(bytes: Buffer, from: number, receiver: FrameReceiver): number | Fault {
  let offset = from;
  while (bytes.length - offset >= frameHeaderBytes) {
    const length = bytes.readUIntBE(offset, 3);
    if (length > defaultMaxFrameBytes) return frameSizeError(`a frame of ${length} bytes`);
    const payloadStart = offset + frameHeaderBytes;
    if (bytes.length - payloadStart < length) break;
    const fault = receiver.takeFrame({
      type: bytes[offset + 3] ?? 0,
      flags: bytes[offset + 4] ?? 0,
      streamId: bytes.readUInt32BE(offset + 5) & 0x7fffffff,
      payload: bytes.subarray(payloadStart, payloadStart + length),
    });
    if (fault !== undefined) return fault;
    offset = payloadStart + length;
  }
  return offset;
}
