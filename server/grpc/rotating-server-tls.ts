// TLS of a port whose certificate can be replaced while it serves: connections that exist keep the old one, the next
// handshake gets the new one.

import type { SecureContextOptions } from 'node:tls';

/** PEM. */
export interface ServerCertificate {
  /** The leaf first, then its intermediates. */
  readonly chain: string;
  readonly key: string;
  /** Roots that a client certificate may have. */
  readonly clientRoots: string;
}

export class RotatingServerTls {
  readonly #listeners = new Set<(context: SecureContextOptions) => void>();
  #certificate: ServerCertificate;
  #context: SecureContextOptions;

  constructor(certificate: ServerCertificate) {
    this.#certificate = certificate;
    this.#context = contextOf(certificate);
  }

  get certificate(): ServerCertificate {
    return this.#certificate;
  }

  get context(): SecureContextOptions {
    return this.#context;
  }

  replace(certificate: ServerCertificate): void {
    this.#certificate = certificate;
    this.#context = contextOf(certificate);
    for (const listener of this.#listeners) listener(this.#context);
  }

  /** Returns what ends it. */
  onReplaced(listener: (context: SecureContextOptions) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }
}

/** All of it again with each certificate: a context that is replaced keeps nothing of the former one. */
function contextOf({ chain, key, clientRoots }: ServerCertificate): SecureContextOptions {
  return { cert: chain, key, ca: clientRoots, minVersion: 'TLSv1.2' };
}
