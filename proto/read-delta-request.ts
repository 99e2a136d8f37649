// A DeltaDiscoveryRequest read by hand: a client that returns announces thousands of names with their versions, and a
// decoder makes three objects with a property for each of them on the way. In: the bytes of any request. Out: its fields,
// or undefined for what only a decoder can judge (text that is not UTF-8, fields of another shape).

import { isAscii } from 'node:buffer';
import { decode } from './codec.ts';
import { Node } from './generated/envoy.config.core.v3.ts';
import type { DeltaDiscoveryRequest } from './generated/envoy.service.discovery.v3.ts';
import { Status } from './generated/google.rpc.ts';

/** A request with an absent field is one with the field's empty value. */
export interface DeltaRequest {
  readonly node: Node | undefined;
  readonly typeUrl: string;
  readonly subscribe: readonly string[];
  readonly unsubscribe: readonly string[];
  readonly initialVersions: ReadonlyMap<string, string>;
  readonly responseNonce: string;
  readonly errorDetail: Status | undefined;
}

/** Field numbers of DeltaDiscoveryRequest that are read; all are length-delimited. */
const fields = { node: 1, typeUrl: 2, subscribe: 3, unsubscribe: 4, initialVersions: 5, nonce: 6, error: 7 } as const;
const lengthDelimited = 2;

/** @throws CodecError for a node or an error detail that is none */
export function readDeltaRequest(bytes: Buffer): DeltaRequest | undefined {
  const subscribe: string[] = [];
  const unsubscribe: string[] = [];
  const initialVersions = new Map<string, string>();
  let node: Node | undefined;
  let errorDetail: Status | undefined;
  let typeUrl = '';
  let responseNonce = '';
  const cursor = new Cursor(bytes, 0, bytes.length);
  let announced: AnnouncedTexts | undefined;
  while (!cursor.atEnd) {
    const field = cursor.field();
    const { start, end } = cursor;
    switch (field) {
      case fields.node:
        // Parts of a message that comes twice are merged, which is left to the decoder.
        if (node !== undefined) return undefined;
        node = decode<Node>(Node, bytes.subarray(start, end));
        break;
      case fields.error:
        if (errorDetail !== undefined) return undefined;
        errorDetail = decode<Status>(Status, bytes.subarray(start, end));
        break;
      case fields.initialVersions:
        announced ??= new AnnouncedTexts(bytes, start);
        if (announced.read(start, end, initialVersions)) break;
        if (!readEntry(bytes, start, end, initialVersions)) return undefined;
        break;
      case fields.typeUrl:
      case fields.subscribe:
      case fields.unsubscribe:
      case fields.nonce: {
        const text = textOf(bytes, start, end);
        if (text === undefined) return undefined;
        if (field === fields.typeUrl) typeUrl = text;
        else if (field === fields.nonce) responseNonce = text;
        else (field === fields.subscribe ? subscribe : unsubscribe).push(text);
        break;
      }
      default:
        return undefined;
    }
  }
  return { node, typeUrl, subscribe, unsubscribe, initialVersions, responseNonce, errorDetail };
}

/** The same out of a decoded message. */
export function plainDeltaRequest(request: DeltaDiscoveryRequest): DeltaRequest {
  return {
    node: request.node,
    typeUrl: request.typeUrl ?? '',
    subscribe: request.resourceNamesSubscribe ?? [],
    unsubscribe: request.resourceNamesUnsubscribe ?? [],
    initialVersions: new Map(Object.entries(request.initialResourceVersions ?? {})),
    responseNonce: request.responseNonce ?? '',
    errorDetail: request.errorDetail,
  };
}

/**
 * Map entries as clients write them, in ASCII: their texts are parts of one text, since asking for each of a thousand costs more
 * than all else. They are let go together, when what was announced was compared.
 */
class AnnouncedTexts {
  readonly #bytes: Buffer;
  readonly #from: number;
  /** Undefined: not all of it is ASCII. */
  readonly #text: string | undefined;

  constructor(bytes: Buffer, from: number) {
    this.#bytes = bytes;
    this.#from = from;
    const rest = bytes.subarray(from);
    this.#text = isAscii(rest) ? rest.toString('latin1') : undefined;
  }

  /** False when the entry is another than key and value, each shorter than 128 bytes. */
  read(start: number, end: number, into: Map<string, string>): boolean {
    const text = this.#text;
    const bytes = this.#bytes;
    if (text === undefined || end - start < 4 || bytes[start] !== keyTag) return false;
    const keyStart = start + 2;
    const keyLength = bytes[start + 1] ?? 0;
    const valueTagAt = keyStart + keyLength;
    const valueLength = bytes[valueTagAt + 1] ?? 0;
    const valueStart = valueTagAt + 2;
    if (keyLength > 127 || valueLength > 127) return false;
    if (bytes[valueTagAt] !== valueTag || valueStart + valueLength !== end) return false;
    const from = this.#from;
    into.set(text.slice(keyStart - from, valueTagAt - from), text.slice(valueStart - from, end - from));
    return true;
  }
}

const keyTag = 0x0a;
const valueTag = 0x12;

/** A map entry: key 1, value 2. */
function readEntry(bytes: Buffer, from: number, to: number, into: Map<string, string>): boolean {
  const cursor = new Cursor(bytes, from, to);
  let name = '';
  let version = '';
  while (!cursor.atEnd) {
    const field = cursor.field();
    const text = field === 1 || field === 2 ? textOf(bytes, cursor.start, cursor.end) : undefined;
    if (text === undefined) return false;
    if (field === 1) name = text;
    else version = text;
  }
  into.set(name, version);
  return true;
}

/** Undefined for text that is not UTF-8, or may not be. */
function textOf(bytes: Buffer, start: number, end: number): string | undefined {
  const text = bytes.toString('utf8', start, end);
  return text.includes('\uFFFD') ? undefined : text;
}

/** Walks the length-delimited fields of a message. */
class Cursor {
  readonly #bytes: Buffer;
  readonly #to: number;
  #offset: number;
  /** Of the field that was read last. */
  start = 0;
  end = 0;

  constructor(bytes: Buffer, from: number, to: number) {
    this.#bytes = bytes;
    this.#offset = from;
    this.#to = to;
  }

  get atEnd(): boolean {
    return this.#offset >= this.#to;
  }

  /** The number of the next field; 0 when it is not length-delimited, or longer than what is left. */
  field(): number {
    const tag = this.#varint();
    if ((tag & 7) !== lengthDelimited) return 0;
    const length = this.#varint();
    this.start = this.#offset;
    this.end = this.#offset + length;
    if (this.end > this.#to) return 0;
    this.#offset = this.end;
    return tag >>> 3;
  }

  /** Up to 28 bits; longer ones, or what is cut off, come out as larger than any message. */
  #varint(): number {
    let value = 0;
    for (let scale = 1; scale < 2 ** 28; scale *= 128) {
      const byte = this.#offset < this.#to ? this.#bytes[this.#offset] : undefined;
      if (byte === undefined) return 2 ** 40;
      this.#offset += 1;
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
    return 2 ** 40;
  }
}
