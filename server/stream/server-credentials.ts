// TLS of a gRPC port whose certificate can be replaced while it serves: connections that exist keep the old one, the
// next handshake gets the new one.

import type { SecureContextOptions } from 'node:tls';
import grpc from '@grpc/grpc-js';

/** PEM. */
export interface ServerCertificate {
  /** The leaf first, then its intermediates. */
  readonly chain: string;
  readonly key: string;
  /** Roots that a client certificate may have. */
  readonly clientRoots: string;
}

/**
 * Asks for a client certificate and goes on without one: a token may take its place. A certificate that has no chain to
 * a root counts as none.
 */
export class RotatingServerCredentials extends grpc.ServerCredentials {
  constructor(certificate: ServerCertificate) {
    super({ requestCert: true, rejectUnauthorized: false, minVersion: 'TLSv1.2' }, contextOf(certificate));
  }

  replace(certificate: ServerCertificate): void {
    this.updateSecureContextOptions(contextOf(certificate));
  }

  override _equals(other: grpc.ServerCredentials): boolean {
    return this === other;
  }
}

/** All of it again with each certificate: a context that is replaced keeps nothing of the former one. */
function contextOf(certificate: ServerCertificate): SecureContextOptions {
  return {
    cert: Buffer.from(certificate.chain),
    key: Buffer.from(certificate.key),
    ca: Buffer.from(certificate.clientRoots),
    minVersion: 'TLSv1.2',
  };
}
