// Builds messages out of parts that were encoded before, without decoding them: bytes are encoded once and then only
// joined. What comes out is byte for byte what `encode` gives for the same message.

const lengthDelimited = 2;
const empty: Uint8Array = new Uint8Array();

/** One length-delimited field: tag, length, `bytes`. Written even when `bytes` is empty. */
export function frame(fieldNumber: number, bytes: Uint8Array): Uint8Array {
  return concat([frameHeader(fieldNumber, bytes.length), bytes]);
}

/** Tag and length of a length-delimited field whose `length` bytes follow. */
function frameHeader(fieldNumber: number, length: number): Uint8Array {
  const tag = fieldNumber * 8 + lengthDelimited;
  const header = Buffer.allocUnsafe(varintSize(tag) + varintSize(length));
  writeVarint(header, writeVarint(header, 0, tag), length);
  return header;
}

/** The parts one after the other, in one allocation. */
export function concat(parts: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(parts);
}

/** As `concat`, for what lives long: in Node's pool it would keep alive, with it, what was beside it for a moment. */
function concatToKeep(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = Buffer.allocUnsafeSlow(sizeOf(parts));
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
}

/** `google.protobuf.Any` around the bytes of a message. */
export function encodeAny(typeUrl: string, valueBytes: Uint8Array): Uint8Array {
  return concat([textFrame(1, typeUrl), ...optionalFrameParts(2, valueBytes)]);
}

/** What `encodeResource` takes. */
export interface ResourceParts {
  readonly name: string;
  readonly version: string;
  /** An encoded `google.protobuf.Any`. */
  readonly any: Uint8Array;
  readonly aliases?: readonly string[] | undefined;
}

/** `envoy.service.discovery.v3.Resource` around an encoded Any. */
export function encodeResource(parts: ResourceParts): Uint8Array {
  return concat([
    textFrame(1, parts.version),
    frame(2, parts.any),
    textFrame(3, parts.name),
    ...textFrames(4, parts.aliases ?? []),
  ]);
}

/** What `encodeResourceFrames` takes. */
export interface ResourceFrameParts {
  readonly name: string;
  readonly version: string;
  readonly typeUrl: string;
  /** The resource's own bytes, as they go into the Any. */
  readonly value: Uint8Array;
  readonly aliases?: readonly string[] | undefined;
}

/** A resource encoded once; the parts are views of `deltaFrame`. */
export interface ResourceFrames {
  /** A Resource in its frame as `resourceFrames` of a delta response holds it. */
  readonly deltaFrame: Uint8Array;
  /** The Any in its frame as `resourceFrames` of a response of the state of the world holds it. */
  readonly anyFrame: Uint8Array;
  /** The bytes that were given as `value`. */
  readonly value: Uint8Array;
}

/**
 * Both frames of a resource in one copy. In a Resource the Any has the same field number as resources have in both
 * kinds of response, so the frame of the one is a part of the frame of the other.
 */
export function encodeResourceFrames(parts: ResourceFrameParts): ResourceFrames {
  const any = [textFrame(1, parts.typeUrl), ...optionalFrameParts(2, parts.value)];
  const anyFrame = [frameHeader(resourcesField, sizeOf(any)), ...any];
  const version = textFrame(1, parts.version);
  const resource = [version, ...anyFrame, textFrame(3, parts.name), ...textFrames(4, parts.aliases ?? [])];
  const header = frameHeader(resourcesField, sizeOf(resource));
  const deltaFrame = concatToKeep([header, ...resource]);
  const anyStart = header.length + version.length;
  const anyEnd = anyStart + sizeOf(anyFrame);
  return {
    deltaFrame,
    anyFrame: deltaFrame.subarray(anyStart, anyEnd),
    value: deltaFrame.subarray(anyEnd - parts.value.length, anyEnd),
  };
}

/** The field that holds resources in both kinds of response: what `frame` is given for a `resourceFrames` element. */
export const resourcesField = 2;

/** `envoy.config.core.v3.ControlPlane`. */
export interface ControlPlaneParts {
  readonly identifier?: string | undefined;
}

/** What `encodeDeltaResponse` takes. */
export interface DeltaResponseParts {
  readonly systemVersionInfo?: string | undefined;
  /** Each an encoded Resource in its frame: `frame(resourcesField, encodeResource(…))`. */
  readonly resourceFrames: readonly Uint8Array[];
  readonly typeUrl: string;
  readonly removedResources: readonly string[];
  readonly nonce: string;
  readonly controlPlane?: ControlPlaneParts | undefined;
}

/** `envoy.service.discovery.v3.DeltaDiscoveryResponse`, in one concatenation. */
export function encodeDeltaResponse(parts: DeltaResponseParts): Uint8Array {
  return concat([
    textFrame(1, parts.systemVersionInfo ?? ''),
    ...parts.resourceFrames,
    textFrame(4, parts.typeUrl),
    textFrame(5, parts.nonce),
    ...textFrames(6, parts.removedResources),
    controlPlaneFrame(7, parts.controlPlane),
  ]);
}

/**
 * Fields of DeltaDiscoveryResponse one by one, each in its frame, for a response that is put together by hand: resources,
 * type URL, nonce, removed resources, in this order.
 */
export const deltaFrames = {
  typeUrl: (typeUrl: string): Uint8Array => textFrame(4, typeUrl),
  nonce: nonceFrame,
  removedResource: (name: string): Uint8Array => frame(6, Buffer.from(name, 'utf8')),
} as const;

const nonceField = 5;

/** Written for each response to each stream, so in one allocation. */
function nonceFrame(nonce: string): Uint8Array {
  if (nonce === '' || nonce.length > 127) return textFrame(nonceField, nonce);
  const bytes = Buffer.allocUnsafe(2 + nonce.length);
  bytes[0] = nonceField * 8 + lengthDelimited;
  bytes[1] = nonce.length;
  // A few letters are written sooner than a call of native code is made.
  for (let index = 0; index < nonce.length; index += 1) {
    const code = nonce.charCodeAt(index);
    if (code > 127) return textFrame(nonceField, nonce);
    bytes[2 + index] = code;
  }
  return bytes;
}

/** What `encodeDiscoveryResponse` takes. */
export interface DiscoveryResponseParts {
  readonly versionInfo?: string | undefined;
  /** Each an encoded Any in its frame: `frame(resourcesField, encodeAny(…))`. */
  readonly resourceFrames: readonly Uint8Array[];
  readonly typeUrl: string;
  readonly nonce: string;
  readonly controlPlane?: ControlPlaneParts | undefined;
}

/** `envoy.service.discovery.v3.DiscoveryResponse`, in one concatenation. */
export function encodeDiscoveryResponse(parts: DiscoveryResponseParts): Uint8Array {
  return concat([
    textFrame(1, parts.versionInfo ?? ''),
    ...parts.resourceFrames,
    textFrame(4, parts.typeUrl),
    textFrame(5, parts.nonce),
    controlPlaneFrame(6, parts.controlPlane),
  ]);
}

function controlPlaneFrame(fieldNumber: number, controlPlane: ControlPlaneParts | undefined): Uint8Array {
  return controlPlane === undefined ? empty : frame(fieldNumber, textFrame(1, controlPlane.identifier ?? ''));
}

/** A string field; nothing when it is empty, as proto3 has it. */
function textFrame(fieldNumber: number, text: string): Uint8Array {
  return text === '' ? empty : frame(fieldNumber, Buffer.from(text, 'utf8'));
}

function textFrames(fieldNumber: number, texts: readonly string[]): readonly Uint8Array[] {
  return texts.map((text) => frame(fieldNumber, Buffer.from(text, 'utf8')));
}

function optionalFrameParts(fieldNumber: number, bytes: Uint8Array): readonly Uint8Array[] {
  return bytes.length === 0 ? [] : [frameHeader(fieldNumber, bytes.length), bytes];
}

function sizeOf(parts: readonly Uint8Array[]): number {
  return parts.reduce((size, part) => size + part.length, 0);
}

function varintSize(value: number): number {
  let size = 1;
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) size += 1;
  return size;
}

/** Writes at `offset` and returns the offset after it. */
function writeVarint(target: Uint8Array, offset: number, value: number): number {
  let rest = value;
  let next = offset;
  for (; rest >= 128; rest = Math.floor(rest / 128)) target[next++] = (rest % 128) + 128;
  target[next++] = rest;
  return next;
}
