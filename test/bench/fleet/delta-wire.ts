// Reads delta responses with as little work as possible: a load generator that decodes every message in full would
// take the processor from the server that it measures. In: bytes of a gRPC stream. Out: what a client must know of them.

/** One resource of a response. Its `body` is a view of the received bytes. */
export interface WireResource {
  readonly name: string;
  readonly version: string;
  readonly body: Buffer;
}

export interface WireResponse {
  readonly typeUrl: string;
  readonly nonce: string;
  readonly resources: readonly WireResource[];
  readonly removed: readonly string[];
  /** Bytes of the message, without gRPC's prefix. */
  readonly bytes: number;
}

const prefixBytes = 5;

/** Cuts a byte stream into gRPC messages. */
export class MessageSplitter {
  #parts: Buffer[] = [];
  #buffered = 0;
  #wanted = prefixBytes;

  /** The messages that are complete with `chunk`. */
  push(chunk: Buffer): readonly Buffer[] {
    this.#parts.push(chunk);
    this.#buffered += chunk.length;
    if (this.#buffered < this.#wanted) return [];
    const all = this.#parts.length === 1 ? chunk : Buffer.concat(this.#parts);
    const messages: Buffer[] = [];
    let offset = 0;
    for (;;) {
      this.#wanted = prefixBytes;
      if (all.length - offset < prefixBytes) break;
      this.#wanted += all.readUInt32BE(offset + 1);
      if (all.length - offset < this.#wanted) break;
      messages.push(all.subarray(offset + prefixBytes, offset + this.#wanted));
      offset += this.#wanted;
    }
    const rest = all.subarray(offset);
    this.#parts = rest.length === 0 ? [] : [rest];
    this.#buffered = rest.length;
    return messages;
  }
}

/** `message` behind gRPC's prefix, uncompressed. */
export function prefixed(message: Uint8Array): Buffer {
  return Buffer.concat([prefixOf(message.length), message]);
}

/** gRPC's prefix of an uncompressed message of that length. */
export function prefixOf(bytes: number): Buffer {
  const prefix = Buffer.alloc(prefixBytes);
  prefix.writeUInt32BE(bytes, 1);
  return prefix;
}

/** The fields of DeltaDiscoveryResponse that a client needs. Throws what is not one. */
export function readDeltaResponse(message: Buffer): WireResponse {
  const resources: WireResource[] = [];
  const removed: string[] = [];
  let typeUrl = '';
  let nonce = '';
  forEachField(message, (field, start, end) => {
    if (field === 2) resources.push(readResource(message, start, end));
    else if (field === 4) typeUrl = message.toString('latin1', start, end);
    else if (field === 5) nonce = message.toString('latin1', start, end);
    else if (field === 6) removed.push(message.toString('latin1', start, end));
  });
  return { typeUrl, nonce, resources, removed, bytes: message.length };
}

function readResource(message: Buffer, from: number, to: number): WireResource {
  let name = '';
  let version = '';
  let body = message.subarray(from, from);
  forEachField(
    message,
    (field, start, end) => {
      if (field === 1) version = message.toString('latin1', start, end);
      else if (field === 3) name = message.toString('latin1', start, end);
      else if (field === 2) body = anyValue(message, start, end);
    },
    from,
    to,
  );
  return { name, version, body };
}

function anyValue(message: Buffer, from: number, to: number): Buffer {
  let value = message.subarray(from, from);
  forEachField(
    message,
    (field, start, end) => {
      if (field === 2) value = message.subarray(start, end);
    },
    from,
    to,
  );
  return value;
}

/** Calls back with each length-delimited field. None of these messages has fields of another kind. */
function forEachField(
  message: Buffer,
  found: (field: number, start: number, end: number) => void,
  from = 0,
  to = message.length,
): void {
  let offset = from;
  const varint = (): number => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = message[offset++] ?? 0;
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  };
  while (offset < to) {
    const tag = varint();
    if ((tag & 7) !== 2) throw new Error(`a field of wire type ${tag & 7} in a delta response`);
    const end = varint() + offset;
    found(tag >>> 3, offset, end);
    offset = end;
  }
}
