// The Secrets that an authority is read from, as Istio has them: `cacerts`, which an operator writes, and `istio-ca-secret`, a
// self-signed root that an instance makes when there is no `cacerts`. In: an object's `data`. Out: the authority, checked.

import { CaError } from '../../ca/ca-error.ts';
import { caMaterial, type CaFileName, type CaMaterial } from '../../ca/ca-material.ts';
import type { RootFiles } from '../../ca/make-authority.ts';
import { textOf, type NewObject, type ObjectPlace } from './kube-object.ts';

export const pluggedSecret = 'cacerts';
export const selfSignedSecret = 'istio-ca-secret';

export function secretsOf(namespace: string): ObjectPlace {
  return { apiVersion: 'v1', plural: 'secrets', namespace };
}

export interface AuthoritySecret {
  /** `NAMESPACE/NAME`, for sentences. */
  readonly place: string;
  /** The object's `data`: base64 by key. */
  readonly data: unknown;
  readonly nowMs: number;
}

/** Keys of the same part: Istio's own, and those of a Secret of type `kubernetes.io/tls`, as cert-manager writes it. */
const otherKeys: Readonly<Record<CaFileName, readonly string[]>> = {
  'ca-cert.pem': ['tls.crt'],
  'ca-key.pem': ['tls.key'],
  // Without a chain the certificate must be directly under its root.
  'cert-chain.pem': ['ca-cert.pem', 'tls.crt'],
  // A root that signs itself is its own root.
  'root-cert.pem': ['ca.crt', 'ca-cert.pem'],
};

/** Errors: `file-missing` with the key that is, and those of `caMaterial`; each names the Secret. */
export function authorityOfSecret({ place, data, nowMs }: AuthoritySecret): CaMaterial | CaError {
  const read = (name: CaFileName): { readonly key: string; readonly text: string } | undefined => {
    for (const key of [name, ...otherKeys[name]]) {
      const text = Buffer.from(textOf(data, key) ?? '', 'base64').toString('utf8');
      if (text.trim() !== '') return { key, text };
    }
    return undefined;
  };
  const certificate = read('ca-cert.pem');
  const key = read('ca-key.pem');
  const chain = read('cert-chain.pem');
  const root = read('root-cert.pem');
  const parts = { 'ca-cert.pem': certificate, 'ca-key.pem': key, 'cert-chain.pem': chain, 'root-cert.pem': root };
  const where = (name: CaFileName): string => `${parts[name]?.key ?? name} of Secret ${place}`;
  if (certificate === undefined) return missing(where('ca-cert.pem'));
  if (key === undefined) return missing(where('ca-key.pem'));
  if (chain === undefined) return missing(where('cert-chain.pem'));
  if (root === undefined) return missing(where('root-cert.pem'));
  const files = {
    'ca-cert.pem': certificate.text,
    'ca-key.pem': key.text,
    'cert-chain.pem': chain.text,
    'root-cert.pem': root.text,
  };
  return caMaterial({ files, where, nowMs });
}

/** A new root as Istio keeps it, with the type that Istio gives it. */
export function selfSignedObject(root: RootFiles, namespace: string): NewObject {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: selfSignedSecret, namespace },
    type: 'istio.io/ca-root',
    data: {
      'ca-cert.pem': Buffer.from(root.certificatePem).toString('base64'),
      'ca-key.pem': Buffer.from(root.keyPem).toString('base64'),
    },
  };
}

function missing(where: string): CaError {
  return new CaError('file-missing', `${where} is missing: write the files that \`isthmus ca issue\` makes into it.`);
}
