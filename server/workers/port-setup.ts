// What a worker has to know of a port: its limits and, with TLS, the server's certificate and the roots of clients. The key that
// signs certificates of workloads is not among it and never leaves the main process.

import type { ServerCertificate } from '../grpc/rotating-server-tls.ts';
import type { TransportLimits } from '../grpc/transport-limits.ts';
import { FieldReader, FieldWriter } from './fields.ts';

export interface PortSetup {
  readonly limits: TransportLimits;
  /** Absent: plaintext. */
  readonly certificate: ServerCertificate | undefined;
}

export function encodePortSetup({ limits, certificate }: PortSetup): Uint8Array {
  const fields = new FieldWriter()
    .number(limits.maxRequestBytes)
    .number(limits.maxHeaderBytes)
    .number(limits.maxConcurrentStreams)
    .number(limits.keepaliveMs)
    .number(limits.keepaliveTimeoutMs)
    .number(limits.handshakeTimeoutMs)
    .number(limits.endGraceMs)
    .number(limits.maxConnectionAgeMs)
    .number(limits.maxConnectionAgeGraceMs)
    .number(certificate === undefined ? 0 : 1);
  if (certificate !== undefined) putCertificate(fields, certificate);
  return fields.finish();
}

/** @throws RangeError */
export function decodePortSetup(body: Buffer): PortSetup {
  const fields = new FieldReader(body);
  const limits: TransportLimits = {
    maxRequestBytes: fields.number(),
    maxHeaderBytes: fields.number(),
    maxConcurrentStreams: fields.number(),
    keepaliveMs: fields.number(),
    keepaliveTimeoutMs: fields.number(),
    handshakeTimeoutMs: fields.number(),
    endGraceMs: fields.number(),
    maxConnectionAgeMs: fields.number(),
    maxConnectionAgeGraceMs: fields.number(),
  };
  return { limits, certificate: fields.number() === 0 ? undefined : takeCertificate(fields) };
}

export function encodeCertificate(certificate: ServerCertificate): Uint8Array {
  const fields = new FieldWriter();
  putCertificate(fields, certificate);
  return fields.finish();
}

/** @throws RangeError */
export function decodeCertificate(body: Buffer): ServerCertificate {
  return takeCertificate(new FieldReader(body));
}

function putCertificate(fields: FieldWriter, { chain, key, clientRoots }: ServerCertificate): void {
  fields.text(chain).text(key).text(clientRoots);
}

function takeCertificate(fields: FieldReader): ServerCertificate {
  return { chain: fields.text(), key: fields.text(), clientRoots: fields.text() };
}
