// TLS of the port for xDS and certificates, for grpc-js: a server certificate that renews itself without a new port,
// and client certificates that are asked for but not required. A client certificate that no root of the mesh stands
// behind is as good as none: calls on such a connection carry no certificate.
import { experimental, type ServerCredentials } from '@grpc/grpc-js';
import type { CaError } from '../ca/ca-error.ts';
import { serverCertificates, type ServerCertificate, type ServerCertificateOptions } from '../ca/server-certificate.ts';

export interface TlsCredentials {
  /** For `server.bindAsync`. Connections are refused until `ready`. */
  readonly credentials: ServerCredentials;
  /** Resolves with the first certificate, or when the signal aborted before there was one. */
  readonly ready: Promise<void>;
  /** Resolves when the signal has aborted and nothing runs any more. */
  readonly stopped: Promise<void>;
}

export interface TlsCredentialsOptions extends ServerCertificateOptions {
  readonly onFailure: (error: CaError) => void;
  /** Told of every certificate, the first included. */
  readonly onRenewed?: (certificate: ServerCertificate) => void;
}

/** Renews until the signal aborts. */
export function renewingTlsCredentials(options: TlsCredentialsOptions): TlsCredentials {
  const provider = new RenewedCertificates();
  const { promise: ready, resolve } = Promise.withResolvers<void>();
  const follow = async () => {
    for await (const certificate of serverCertificates(options)) {
      provider.use(certificate);
      options.onRenewed?.(certificate);
      resolve();
    }
    resolve();
  };
  return {
    // One provider for both, so that certificate and roots always change together.
    credentials: experimental.createCertificateProviderServerCredentials(provider, provider, false),
    ready,
    stopped: follow(),
  };
}

class RenewedCertificates implements experimental.CertificateProvider {
  readonly #onRoots = new Set<experimental.CaCertificateUpdateListener>();
  readonly #onIdentity = new Set<experimental.IdentityCertificateUpdateListener>();
  #roots: experimental.CaCertificateUpdate | null = null;
  #identity: experimental.IdentityCertificateUpdate | null = null;

  use({ certificatePem, keyPem, rootsPem }: ServerCertificate): void {
    const roots = { caCertificate: Buffer.from(rootsPem) };
    const identity = { certificate: Buffer.from(certificatePem), privateKey: Buffer.from(keyPem) };
    this.#roots = roots;
    this.#identity = identity;
    for (const listener of this.#onRoots) listener(roots);
    for (const listener of this.#onIdentity) listener(identity);
  }

  addCaCertificateListener(listener: experimental.CaCertificateUpdateListener): void {
    this.#onRoots.add(listener);
    laterTell(listener, this.#roots);
  }

  removeCaCertificateListener(listener: experimental.CaCertificateUpdateListener): void {
    this.#onRoots.delete(listener);
  }

  addIdentityCertificateListener(listener: experimental.IdentityCertificateUpdateListener): void {
    this.#onIdentity.add(listener);
    laterTell(listener, this.#identity);
  }

  removeIdentityCertificateListener(listener: experimental.IdentityCertificateUpdateListener): void {
    this.#onIdentity.delete(listener);
  }
}

// grpc-js hears its listener before it has registered the port that is to be told: an answer at once would be lost.
function laterTell<Update>(listener: (update: Update) => void, update: Update | null): void {
  if (update !== null) queueMicrotask(() => listener(update));
}
