// Frames of HTTP/2 as bytes, and bytes as frames, for tests that say what no proper client says. Written from RFC 9113 and 7541
// alone, so that it shares no mistake with the server.

export const frameTypes = {
  data: 0,
  headers: 1,
  priority: 2,
  rstStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

export const flags = { ack: 1, endStream: 1, endHeaders: 4, padded: 8, priority: 0x20 } as const;

export const errorCodes = {
  noError: 0,
  protocolError: 1,
  internalError: 2,
  flowControlError: 3,
  settingsTimeout: 4,
  streamClosed: 5,
  frameSizeError: 6,
  refusedStream: 7,
  cancel: 8,
  compressionError: 9,
  connectError: 10,
  enhanceYourCalm: 11,
  inadequateSecurity: 12,
  http11Required: 13,
} as const;

export const settingIds = {
  headerTableSize: 1,
  enablePush: 2,
  maxConcurrentStreams: 3,
  initialWindowSize: 4,
  maxFrameSize: 5,
  maxHeaderListSize: 6,
} as const;

export type Settings = Partial<Record<keyof typeof settingIds, number>>;

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: Buffer;
}

export const clientPreface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

const frameHeaderBytes = 9;
const nothing = Buffer.alloc(0);

export function encodeFrame({ type, flags = 0, streamId = 0, payload = nothing }: Partial<Frame>): Buffer {
  const header = Buffer.alloc(frameHeaderBytes);
  header.writeUIntBE(payload.length, 0, 3);
  header[3] = type ?? 0;
  header[4] = flags;
  header.writeUInt32BE(streamId, 5);
  return Buffer.concat([header, payload]);
}

/** The frames that are whole, and the bytes behind them. */
export function splitFrames(bytes: Buffer): { readonly frames: readonly Frame[]; readonly rest: Buffer } {
  const frames: Frame[] = [];
  let at = 0;
  while (bytes.length - at >= frameHeaderBytes) {
    const end = at + frameHeaderBytes + bytes.readUIntBE(at, 3);
    if (end > bytes.length) break;
    frames.push({
      type: bytes[at + 3] ?? 0,
      flags: bytes[at + 4] ?? 0,
      streamId: bytes.readUInt32BE(at + 5) & 0x7f_ff_ff_ff,
      payload: bytes.subarray(at + frameHeaderBytes, end),
    });
    at = end;
  }
  return { frames, rest: bytes.subarray(at) };
}

export function settingsFrame(settings: Settings = {}): Buffer {
  const payload = Buffer.alloc(6 * Object.keys(settings).length);
  for (const [index, [name, value]] of Object.entries(settings).entries()) {
    payload.writeUInt16BE(settingIds[name as keyof Settings], 6 * index);
    payload.writeUInt32BE(value, 6 * index + 2);
  }
  return encodeFrame({ type: frameTypes.settings, payload });
}

export function settingsAck(): Buffer {
  return encodeFrame({ type: frameTypes.settings, flags: flags.ack });
}

export function pingFrame(payload: Buffer = Buffer.alloc(8), frameFlags = 0): Buffer {
  return encodeFrame({ type: frameTypes.ping, flags: frameFlags, payload });
}

export function dataFrame(streamId: number, payload: Uint8Array, end = false): Buffer {
  return encodeFrame({
    type: frameTypes.data,
    flags: end ? flags.endStream : 0,
    streamId,
    payload: Buffer.from(payload),
  });
}

export function rstStreamFrame(streamId: number, code: number = errorCodes.cancel): Buffer {
  return encodeFrame({ type: frameTypes.rstStream, streamId, payload: uint32(code) });
}

export function windowUpdateFrame(streamId: number, increment: number): Buffer {
  return encodeFrame({ type: frameTypes.windowUpdate, streamId, payload: uint32(increment) });
}

/** Deprecated, but parsed: "a length other than 5 octets MUST be treated as a stream error" (RFC 9113, 6.3). */
export function priorityFrame(streamId: number, dependency = 0): Buffer {
  return encodeFrame({
    type: frameTypes.priority,
    streamId,
    payload: Buffer.concat([uint32(dependency), Buffer.of(15)]),
  });
}

/** HEADERS, and as many CONTINUATIONs as `maxFragmentBytes` asks for. */
export function headersFrames(
  streamId: number,
  block: Buffer,
  { end = false, maxFragmentBytes = 16_384 }: { readonly end?: boolean; readonly maxFragmentBytes?: number } = {},
): Buffer {
  const fragments: Buffer[] = [];
  for (let at = 0; at === 0 || at < block.length; at += maxFragmentBytes) {
    fragments.push(block.subarray(at, at + maxFragmentBytes));
  }
  return Buffer.concat(
    fragments.map((payload, index) =>
      encodeFrame({
        type: index === 0 ? frameTypes.headers : frameTypes.continuation,
        flags: (index === 0 && end ? flags.endStream : 0) | (index === fragments.length - 1 ? flags.endHeaders : 0),
        streamId,
        payload,
      }),
    ),
  );
}

export type HeaderFields = readonly (readonly [name: string, value: string])[];

/** "Literal Header Field without Indexing — New Name" (RFC 7541, 6.2.2), no Huffman: a block that depends on nothing. */
export function headerBlock(fields: HeaderFields): Buffer {
  return Buffer.concat(fields.flatMap(([name, value]) => [Buffer.of(0), hpackString(name), hpackString(value)]));
}

/** "Literal Header Field with Incremental Indexing — New Name" (RFC 7541, 6.2.1). */
export function indexedLiteral(name: string, value: string): Buffer {
  return Buffer.concat([Buffer.of(0x40), hpackString(name), hpackString(value)]);
}

export function hpackString(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1');
  return Buffer.concat([hpackInteger(bytes.length, 7), bytes]);
}

/** RFC 7541, 5.1; the bits above the prefix are 0. */
export function hpackInteger(value: number, prefixBits: number): Buffer {
  const max = 2 ** prefixBits - 1;
  if (value < max) return Buffer.of(value);
  const bytes = [max];
  let rest = value - max;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return Buffer.from([...bytes, rest]);
}

/** A gRPC message behind its prefix. */
export function grpcMessage(bytes: Uint8Array): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([prefix, bytes]);
}

export function grpcRequest(path: string, more: HeaderFields = []): Buffer {
  return headerBlock([
    [':method', 'POST'],
    [':scheme', 'http'],
    [':path', path],
    [':authority', 'test'],
    ['content-type', 'application/grpc'],
    ['te', 'trailers'],
    ...more,
  ]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
