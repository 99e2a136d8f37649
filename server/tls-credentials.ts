// TLS of the port for xDS and certificates: a server certificate that renews itself without a new port. Each renewal
// goes into the credentials that the port serves with; connections that exist keep what they began with.

import type { CaError } from '../ca/ca-error.ts';
import { serverCertificates, type ServerCertificate, type ServerCertificateOptions } from '../ca/server-certificate.ts';
import { RotatingServerTls } from './grpc/rotating-server-tls.ts';

export interface TlsCredentials {
  /** For `GrpcPort.open`. */
  readonly tls: RotatingServerTls;
  /** Resolves when the signal has aborted and nothing runs any more. */
  readonly stopped: Promise<void>;
}

export interface TlsCredentialsOptions extends ServerCertificateOptions {
  readonly onFailure: (error: CaError) => void;
}

/** Resolves with the first certificate, which is renewed until the signal aborts; rejects when it aborts before that. */
export function renewingTlsCredentials(options: TlsCredentialsOptions): Promise<TlsCredentials> {
  const { promise, resolve, reject } = Promise.withResolvers<TlsCredentials>();
  const follow = async (): Promise<void> => {
    let tls: RotatingServerTls | undefined;
    for await (const certificate of serverCertificates(options)) {
      if (tls === undefined) {
        tls = new RotatingServerTls(contentOf(certificate));
        resolve({ tls, stopped });
      } else tls.replace(contentOf(certificate));
    }
    if (tls === undefined) reject(new Error('stopped before there was a server certificate'));
  };
  const stopped = follow();
  return promise;
}

function contentOf({ certificatePem, keyPem, rootsPem }: ServerCertificate): {
  readonly chain: string;
  readonly key: string;
  readonly clientRoots: string;
} {
  return { chain: certificatePem, key: keyPem, clientRoots: rootsPem };
}
