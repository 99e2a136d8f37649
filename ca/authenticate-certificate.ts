// Authentication by a client certificate under the roots of the mesh: its one SPIFFE id is the identity.
import type { AuthCall, Authenticator } from './authenticate.ts';
import { CaError } from './ca-error.ts';
import type { CaMaterial } from './ca-material.ts';
import type { Clock } from './clock.ts';
import { parseCertificate } from './parsed-certificate.ts';
import { parseSpiffeId, type Identity } from './spiffe.ts';
import { nameOf, verifyChain } from './verify-chain.ts';

export interface CertificateAuthenticatorOptions {
  /** The authority of this moment: its roots are what is trusted. */
  readonly material: () => CaMaterial;
  /** The mesh's trust domain and its aliases. */
  readonly trustDomains: readonly string[];
  readonly clock: Clock;
}

export function byClientCertificate(options: CertificateAuthenticatorOptions): Authenticator {
  return { authenticate: (call) => Promise.resolve(authenticate(call, options)) };
}

function authenticate(call: AuthCall, options: CertificateAuthenticatorOptions): Identity | CaError {
  const presented = call.clientCertificate;
  if (presented === undefined) return new CaError('no-credential', 'The call carries no client certificate.');
  const leaf = parseCertificate(presented.der, 'the TLS connection');
  if (leaf instanceof CaError) return refused(leaf.message, leaf);
  const nowMs = options.clock.now();
  if (!presented.verified) {
    const { certificate, roots } = options.material();
    // Our own intermediate is always at hand: a leaf of ours may come alone.
    const between = [...(presented.intermediates ?? []), certificate.der];
    const path = verifyChain(presented.der, between, roots, nowMs);
    if (path instanceof CaError) return refused(path.message, path);
  }
  // A connection may outlive the certificate that opened it.
  if (nowMs > leaf.notAfterMs) return refused(`${nameOf(leaf)} has expired: connect again with a new one.`);
  // SPIFFE X.509-SVID 2: exactly one URI.
  const [uri, ...others] = leaf.uris;
  if (uri === undefined || others.length > 0) return refused('The client certificate does not hold exactly one URI.');
  const identity = parseSpiffeId(uri);
  if (identity instanceof CaError) return refused(identity.message, identity);
  if (!options.trustDomains.includes(identity.trustDomain)) {
    return refused(`The trust domain "${identity.trustDomain}" is not one of this mesh.`);
  }
  return identity;
}

function refused(message: string, cause?: unknown): CaError {
  return new CaError('credential-refused', message, cause);
}
