// A Secret → the certificate and the client roots in it, as Istio names their keys: `tls.crt`, `tls.key`, `ca.crt`, or `cert`, `key`,
// `cacert`; a revocation list is `ca.crl`. Pure. No sentence here holds a byte of the Secret.

import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto';
import { isMapping } from '../../discovery/convert/field-reader.ts';
import type { KubernetesObject } from '../../discovery/model/kubernetes-object.ts';

export interface Credential {
  readonly certificate: Part<ServingCertificate>;
  readonly roots: Part<ClientRootsBundle>;
}

/** One use of a Secret: what it is good for, or what is wrong with it in words that go after "the Secret". */
export type Part<T> =
  | { readonly kind: 'good'; readonly value: T }
  /** The Secret has no key for it. */
  | { readonly kind: 'absent'; readonly keys: string }
  | { readonly kind: 'bad'; readonly reason: string };

export interface ServingCertificate {
  readonly chainPem: string;
  readonly keyPem: string;
  /** Of the first certificate, in milliseconds since the epoch. */
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

export interface ClientRootsBundle {
  readonly rootsPem: string;
  readonly crlPem?: string | undefined;
}

export function readCredential(secret: KubernetesObject): Credential {
  const data = valuesOf(secret);
  return { certificate: readCertificate(data), roots: readRoots(data) };
}

type Values = ReadonlyMap<string, string>;

/** `stringData` is what an API server would have merged into `data`. */
function valuesOf({ body }: KubernetesObject): Values {
  const values = new Map<string, string>();
  const { data, stringData } = body;
  if (isMapping(data)) {
    for (const [key, value] of Object.entries(data)) {
      if (typeof value === 'string') values.set(key, Buffer.from(value, 'base64').toString('utf8'));
    }
  }
  if (isMapping(stringData)) {
    for (const [key, value] of Object.entries(stringData)) if (typeof value === 'string') values.set(key, value);
  }
  return values;
}

/** Keys of either convention; of a Secret with both, the generic ones, as in Istio. */
const pairs = [
  { certificate: 'cert', key: 'key' },
  { certificate: 'tls.crt', key: 'tls.key' },
] as const;

function readCertificate(values: Values): Part<ServingCertificate> {
  const names = pairs.find(({ certificate, key }) => values.has(certificate) && values.has(key));
  if (names === undefined) return { kind: 'absent', keys: 'tls.crt and tls.key' };
  const chainPem = values.get(names.certificate) ?? '';
  const keyPem = values.get(names.key) ?? '';
  const certificates = certificatesOf(chainPem);
  const [first] = certificates ?? [];
  if (first === undefined) return bad(`has no PEM certificates in ${names.certificate}`);
  const key = privateKeyOf(keyPem);
  if (key === undefined) return bad(`has no PEM private key in ${names.key} that can be read without a password`);
  const weakness = weaknessOf(key);
  if (weakness !== undefined) return bad(`has ${weakness} in ${names.key}`);
  if (!first.checkPrivateKey(key)) {
    return bad(`has a key in ${names.key} that does not fit the first certificate in ${names.certificate}`);
  }
  const notBeforeMs = Date.parse(first.validFrom);
  const notAfterMs = Date.parse(first.validTo);
  return { kind: 'good', value: { chainPem, keyPem, notBeforeMs, notAfterMs } };
}

function readRoots(values: Values): Part<ClientRootsBundle> {
  const name = ['cacert', 'ca.crt'].find((key) => values.has(key));
  if (name === undefined) return { kind: 'absent', keys: 'ca.crt' };
  const rootsPem = values.get(name) ?? '';
  if ((certificatesOf(rootsPem) ?? []).length === 0) return bad(`has no PEM certificates in ${name}`);
  const crlPem = values.get('ca.crl');
  if (crlPem === undefined || crlPem.trim() === '') return { kind: 'good', value: { rootsPem } };
  if (!/-----BEGIN X509 CRL-----[\s\S]*-----END X509 CRL-----/.test(crlPem)) {
    return bad('has no PEM revocation list in ca.crl');
  }
  return { kind: 'good', value: { rootsPem, crlPem } };
}

/** Undefined when one of them can't be read. */
function certificatesOf(pem: string): readonly X509Certificate[] | undefined {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? [];
  try {
    return blocks.map((block) => new X509Certificate(block));
  } catch {
    return undefined;
  }
}

function privateKeyOf(pem: string): KeyObject | undefined {
  try {
    return createPrivateKey(pem);
  } catch {
    return undefined;
  }
}

/** What Envoy would refuse. */
function weaknessOf(key: KeyObject): string | undefined {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key;
  if (type === 'rsa') {
    const bits = details?.modulusLength ?? 0;
    return bits >= 2048 ? undefined : `an RSA key of ${bits} bits, and Envoy takes none below 2048,`;
  }
  if (type !== 'ec') return `a key of type ${type ?? 'unknown'}, and Envoy takes RSA and ECDSA keys only,`;
  const curves = ['prime256v1', 'secp384r1', 'secp521r1'];
  const curve = details?.namedCurve ?? '';
  return curves.includes(curve) ? undefined : `an ECDSA key on a curve other than P-256, P-384 and P-521`;
}

function bad(reason: string): { readonly kind: 'bad'; readonly reason: string } {
  return { kind: 'bad', reason };
}
