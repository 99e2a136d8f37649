// The secrets that an Envoy is served by default, encoded: `default`, the workload's key and certificate in one resource, `ROOTCA`, the
// mesh's roots, and `file-root:system`, the machine's. Pure. In: the certificate, if there is one yet, and the roots. Out: bytes and versions
// by name.

import { createHash } from 'node:crypto';
import { encode } from '../../proto/codec.ts';
import { Secret } from '../../proto/generated/envoy.extensions.transport_sockets.tls.v3.ts';
import type { WorkloadCertificate } from '../identity/workload-certificate.ts';

/** The names that Istio's agent serves: configuration of either control plane refers to them. */
export const secretNames = Object.freeze({
  certificate: 'default',
  roots: 'ROOTCA',
  systemRoots: 'file-root:system',
} as const);

export type EncodedSecret = {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** A hash of the bytes. */
  readonly version: string;
};

/** Holds what is available now; a name that is missing is to be waited for. */
export type SecretSnapshot = ReadonlyMap<string, EncodedSecret>;

export const secretTypeUrl = Secret.typeUrl;

export type Roots = {
  /** What other workloads and the control plane are trusted under. */
  readonly mesh: string;
  /** What servers outside the mesh are trusted under. Envoy takes no more clusters while one waits for it. */
  readonly system: string;
};

export function secretSnapshot(certificate: WorkloadCertificate | undefined, roots: Roots): SecretSnapshot {
  const secrets = [];
  if (certificate !== undefined) {
    secrets.push(
      encodedSecret({
        name: secretNames.certificate,
        tlsCertificate: {
          certificateChain: { inlineBytes: Buffer.from(certificate.chainPem) },
          privateKey: { inlineBytes: Buffer.from(certificate.keyPem) },
        },
      }),
    );
  }
  for (const [name, pem] of [
    [secretNames.roots, roots.mesh],
    [secretNames.systemRoots, roots.system],
  ] as const) {
    // An empty bundle would have Envoy trust nobody, or worse: it is never sent.
    if (pem === '') continue;
    secrets.push(encodedSecret({ name, validationContext: { trustedCa: { inlineBytes: Buffer.from(pem) } } }));
  }
  return new Map(secrets.map((secret) => [secret.name, secret]));
}

/** Whether such a secret may come to be: one of the agent's own, or that of files. */
export function isSecretName(name: string): boolean {
  return Object.values<string>(secretNames).includes(name) || /^file-(cert|root):/.test(name);
}

export function encodedSecret(secret: Secret & { readonly name: string }): EncodedSecret {
  const bytes = encode(Secret, secret);
  return { name: secret.name, bytes, version: createHash('sha256').update(bytes).digest('hex').slice(0, 16) };
}
