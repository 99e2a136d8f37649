// Certificates of workloads for an Envoy or a server without an agent, and a bootstrap that has them in it.

import type { Issuer } from '../../ca/issuer.ts';
import { identity } from '../../ca/spiffe.ts';
import type { JsonValue } from '../../proto/json.ts';
import { ok } from './certificate-authority.ts';
import { makeCsr, makeKeyPair } from './make-csr.ts';

/** PEM. */
export interface MeshCertificate {
  readonly chain: string;
  readonly key: string;
}

/** For `TRUST-DOMAIN/NAMESPACE/SERVICE-ACCOUNT`. */
export async function certificateFor(issuer: Issuer, text: string): Promise<MeshCertificate> {
  const [trustDomain = '', namespace = '', serviceAccount = ''] = text.split('/');
  const key = await makeKeyPair('ecdsa-p256');
  const csr = await makeCsr({ type: 'ecdsa-p256', key });
  const { chain } = ok(await issuer.issue({ csr, identity: ok(identity({ trustDomain, namespace, serviceAccount })) }));
  // The last element holds the roots.
  return {
    chain: chain.slice(0, -1).join(''),
    key: key.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

/** What an agent would serve, for `staticResources`. */
export function staticSecrets({ chain, key }: MeshCertificate, rootPem: string): JsonValue {
  return [
    {
      name: 'default',
      tlsCertificate: { certificateChain: { inlineString: chain }, privateKey: { inlineString: key } },
    },
    { name: 'ROOTCA', validationContext: { trustedCa: { inlineString: rootPem } } },
  ];
}

/** The same bootstrap, where secrets that an agent would serve are its own; those of files are named as files. */
export function withStaticSecrets(value: JsonValue): JsonValue {
  const files = new Set<string>();
  const bootstrap = withoutSources(value, files);
  if (files.size === 0) return bootstrap;
  const { staticResources, ...rest } = bootstrap as { readonly staticResources: Record<string, JsonValue> };
  const { secrets = [] } = staticResources as { readonly secrets?: readonly JsonValue[] };
  return { ...rest, staticResources: { ...staticResources, secrets: [...secrets, ...[...files].map(secretOfFiles)] } };
}

function withoutSources(value: JsonValue, files: Set<string>): JsonValue {
  if (Array.isArray(value)) return value.map((item) => withoutSources(item, files));
  if (typeof value !== 'object' || value === null) return value;
  const { sdsConfig, ...rest } = value as Record<string, JsonValue>;
  const { name } = rest;
  if (sdsConfig !== undefined && typeof name === 'string' && /^file-(cert|root):\//.test(name)) files.add(name);
  return Object.fromEntries(Object.entries(rest).map(([key, inner]) => [key, withoutSources(inner, files)]));
}

function secretOfFiles(name: string): JsonValue {
  const [chain = '', key] = name.replace(/^file-(cert|root):/, '').split('~');
  if (key === undefined) return { name, validationContext: { trustedCa: { filename: chain } } };
  return { name, tlsCertificate: { certificateChain: { filename: chain }, privateKey: { filename: key } } };
}
