// The two secrets that an Envoy is served, encoded: `default`, the workload's key and certificate in one resource, and `ROOTCA`, the
// trusted roots. Pure. In: the certificate, if there is one yet, and the roots. Out: bytes and versions by name.

import { createHash } from 'node:crypto';
import { encode } from '../../proto/codec.ts';
import { Secret } from '../../proto/generated/envoy.extensions.transport_sockets.tls.v3.ts';
import type { WorkloadCertificate } from '../identity/workload-certificate.ts';

/** The names that Istio's agent serves: configuration of either control plane refers to them. */
export const secretNames = Object.freeze({ certificate: 'default', roots: 'ROOTCA' } as const);
export type SecretName = (typeof secretNames)[keyof typeof secretNames];

export type EncodedSecret = {
  readonly name: SecretName;
  readonly bytes: Uint8Array;
  /** A hash of the bytes. */
  readonly version: string;
};

/** Holds what is available now; a name that is missing is to be waited for. */
export type SecretSnapshot = ReadonlyMap<SecretName, EncodedSecret>;

export const secretTypeUrl = Secret.typeUrl;

export function secretSnapshot(certificate: WorkloadCertificate | undefined, rootsPem: string): SecretSnapshot {
  const secrets = [];
  if (certificate !== undefined) {
    secrets.push(
      encoded(secretNames.certificate, {
        name: secretNames.certificate,
        tlsCertificate: {
          certificateChain: { inlineBytes: Buffer.from(certificate.chainPem) },
          privateKey: { inlineBytes: Buffer.from(certificate.keyPem) },
        },
      }),
    );
  }
  // An empty bundle would have Envoy trust nobody, or worse: it is never sent.
  if (rootsPem !== '') {
    secrets.push(
      encoded(secretNames.roots, {
        name: secretNames.roots,
        validationContext: { trustedCa: { inlineBytes: Buffer.from(rootsPem) } },
      }),
    );
  }
  return new Map(secrets.map((secret) => [secret.name, secret]));
}

export function isSecretName(name: string): name is SecretName {
  return name === secretNames.certificate || name === secretNames.roots;
}

function encoded(name: SecretName, secret: Secret): EncodedSecret {
  const bytes = encode(Secret, secret);
  return { name, bytes, version: createHash('sha256').update(bytes).digest('hex').slice(0, 16) };
}
