// What opens, answers and ends a stream, as the bodies of frames and back.

import type { ConnectionPeer, ReceivedHeaders } from '../grpc/http-stream.ts';
import { statusNumbers, type GrpcStatus, type SentHeaders, type StatusCode } from '../grpc/status.ts';
import { FieldReader, FieldWriter } from './fields.ts';

/** A stream that a client has opened at a worker. */
export interface OpenedStream {
  /** The number of its port. */
  readonly port: number;
  readonly peer: ConnectionPeer;
  readonly headers: ReceivedHeaders;
}

export function encodeOpened({ port, peer, headers }: OpenedStream): Uint8Array {
  const fields = new FieldWriter().number(port).text(peer.address);
  fields.number(peer.certificate === undefined ? 0 : 1);
  if (peer.certificate !== undefined) fields.bytes(peer.certificate.der).texts(peer.certificate.uris);
  const present = Object.entries(headers).flatMap(([name, value]) => (value === undefined ? [] : [{ name, value }]));
  fields.number(present.length);
  for (const { name, value } of present) fields.text(name).texts(typeof value === 'string' ? [value] : value);
  return fields.finish();
}

/** @throws RangeError */
export function decodeOpened(body: Buffer): OpenedStream {
  const fields = new FieldReader(body);
  const port = fields.number();
  const address = fields.text();
  const certificate = fields.number() === 0 ? undefined : { der: fields.bytes(), uris: fields.texts() };
  const header = (): readonly [string, string | readonly string[]] => {
    const name = fields.text();
    const values = fields.texts();
    return [name, values.length === 1 ? (values[0] ?? '') : values];
  };
  // Own properties, whatever a client calls them.
  const headers = Object.fromEntries(Array.from({ length: fields.number() }, header));
  return { port, peer: { address, certificate }, headers };
}

export function encodeHeaders(headers: SentHeaders): Uint8Array {
  const fields = new FieldWriter();
  const entries = Object.entries(headers);
  fields.number(entries.length);
  for (const [name, value] of entries) fields.text(name).text(String(value));
  return fields.finish();
}

/** All values are texts. @throws RangeError */
export function decodeHeaders(body: Buffer): SentHeaders {
  const fields = new FieldReader(body);
  return Object.fromEntries(Array.from({ length: fields.number() }, () => [fields.text(), fields.text()] as const));
}

export function encodeStatus({ code, message }: GrpcStatus): Uint8Array {
  return new FieldWriter().text(code).text(message).finish();
}

/** @throws RangeError */
export function decodeStatus(body: Buffer): GrpcStatus {
  const fields = new FieldReader(body);
  const code = fields.text();
  const message = fields.text();
  return { code: isStatusCode(code) ? code : 'UNAVAILABLE', message };
}

function isStatusCode(text: string): text is StatusCode {
  return text in statusNumbers;
}
