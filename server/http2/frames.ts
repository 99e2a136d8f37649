// Frames that a server sends, as bytes (RFC 9113, sections 4.1 and 6).

import { flags, frameHeaderBytes, frameTypes, type ErrorCode } from './frame-types.ts';

interface FrameHeader {
  /** Of the payload. */
  readonly length: number;
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
}

/** Writes a frame's header at the offset. */
export function writeFrameHeader(bytes: Buffer, offset: number, header: FrameHeader): void {
  bytes[offset] = header.length >>> 16;
  bytes[offset + 1] = header.length >>> 8;
  bytes[offset + 2] = header.length;
  bytes[offset + 3] = header.type;
  bytes[offset + 4] = header.flags;
  bytes.writeUInt32BE(header.streamId, offset + 5);
}

/** In pairs of setting and value. */
export function settingsFrame(settings: readonly (readonly [id: number, value: number])[]): Buffer {
  const length = settings.length * 6;
  const bytes = frame({ length, type: frameTypes.settings, flags: 0, streamId: 0 });
  for (const [index, [id, value]] of settings.entries()) {
    bytes.writeUInt16BE(id, frameHeaderBytes + index * 6);
    bytes.writeUInt32BE(value, frameHeaderBytes + index * 6 + 2);
  }
  return bytes;
}

export function settingsAnswer(): Buffer {
  return frame({ length: 0, type: frameTypes.settings, flags: flags.ack, streamId: 0 });
}

/** `payload`: eight bytes. */
export function pingFrame(payload: Uint8Array): Buffer {
  return pingOf(payload, 0);
}

export function pingAnswer(payload: Uint8Array): Buffer {
  return pingOf(payload, flags.ack);
}

function pingOf(payload: Uint8Array, pingFlags: number): Buffer {
  const bytes = frame({ length: 8, type: frameTypes.ping, flags: pingFlags, streamId: 0 });
  bytes.set(payload, frameHeaderBytes);
  return bytes;
}

/** `lastStreamId`: of those that the client has opened and that are served. */
export function goAwayFrame(lastStreamId: number, code: ErrorCode, reason = ''): Buffer {
  const text = Buffer.from(reason);
  const bytes = frame({ length: 8 + text.length, type: frameTypes.goAway, flags: 0, streamId: 0 });
  bytes.writeUInt32BE(lastStreamId, frameHeaderBytes);
  bytes.writeUInt32BE(code, frameHeaderBytes + 4);
  bytes.set(text, frameHeaderBytes + 8);
  return bytes;
}

export function resetFrame(streamId: number, code: ErrorCode): Buffer {
  return numberFrame({ length: 4, type: frameTypes.resetStream, flags: 0, streamId }, code);
}

/** For stream 0 it is the connection's window. */
export function windowUpdateFrame(streamId: number, byBytes: number): Buffer {
  return numberFrame({ length: 4, type: frameTypes.windowUpdate, flags: 0, streamId }, byBytes);
}

/** A whole header block, which is smaller than any peer's frame may be. */
export function headersFrame(streamId: number, block: Uint8Array, endStream: boolean): Buffer {
  const headerFlags = flags.endHeaders | (endStream ? flags.endStream : 0);
  const bytes = frame({ length: block.length, type: frameTypes.headers, flags: headerFlags, streamId });
  bytes.set(block, frameHeaderBytes);
  return bytes;
}

function numberFrame(header: FrameHeader, value: number): Buffer {
  const bytes = frame(header);
  bytes.writeUInt32BE(value, frameHeaderBytes);
  return bytes;
}

function frame(header: FrameHeader): Buffer {
  const bytes = Buffer.allocUnsafe(frameHeaderBytes + header.length);
  writeFrameHeader(bytes, 0, header);
  return bytes;
}
