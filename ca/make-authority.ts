// Makes new authorities: a self-signed root, and an intermediate under it for one instance. Returns the PEM texts that
// the files of an authority hold.
import { createPublicKey, generateKeyPair, type KeyObject } from 'node:crypto';
import { parseDer, type DerNode } from './asn1/der.ts';
import { sequenceOf, wholeBitsOf } from './asn1/read-der.ts';
import { CaError } from './ca-error.ts';
import { backdatedMs, keyIdentifier, signCertificate } from './certificate.ts';
import { distinguishedName } from './distinguished-name.ts';
import { authority, authorityKeyIdentifier, keyUsage, subjectKeyIdentifier } from './extensions.ts';
import { writePem } from './pem.ts';
import { signatureAlgorithmOf, type SignatureAlgorithm } from './signature-algorithm.ts';
import { signWith, toPem, type CaFileName, type CaMaterial } from './ca-material.ts';

export const keyTypes = Object.freeze(['ecdsa-p256', 'ecdsa-p384', 'rsa-2048', 'rsa-3072', 'rsa-4096'] as const);
export type KeyType = (typeof keyTypes)[number];

export interface RootOptions {
  readonly trustDomain: string;
  readonly keyType: KeyType;
  readonly ttlMs: number;
  readonly nowMs: number;
}

export interface IntermediateOptions extends RootOptions {
  readonly clusterId: string;
  readonly root: CaMaterial;
}

export interface RootFiles {
  readonly certificatePem: string;
  readonly keyPem: string;
}

/** A key pair with everything that certificates need of it. */
export interface NewKey {
  readonly privateKey: KeyObject;
  readonly privatePem: string;
  readonly publicKey: DerNode;
  readonly keyId: Buffer;
  readonly algorithm: SignatureAlgorithm;
}

const tenYearsMs = 3650 * 24 * 3600 * 1000;
const twoYearsMs = 730 * 24 * 3600 * 1000;
export const authorityTtlMs = Object.freeze({ root: tenYearsMs, intermediate: twoYearsMs });

/** A root that signs itself, named after its trust domain. */
export async function makeRoot(options: RootOptions): Promise<RootFiles> {
  const key = await makeKey(options.keyType);
  const name = distinguishedName({ organization: options.trustDomain, commonName: 'Isthmus root' });
  const { der } = await signCertificate(
    {
      issuerName: name,
      subjectName: name,
      publicKey: key.publicKey,
      notBeforeMs: options.nowMs - backdatedMs,
      notAfterMs: options.nowMs + options.ttlMs,
      extensions: [authority(), keyUsage('keyCertSign', 'cRLSign'), subjectKeyIdentifier(key.keyId)],
    },
    { key: key.privateKey, algorithm: key.algorithm },
  );
  return { certificatePem: writePem('CERTIFICATE', der), keyPem: key.privatePem };
}

/**
 * An intermediate for one instance, path length 0, no longer valid than its root. The chain file ends with the root, as
 * Istio's own tools write it.
 */
export async function makeIntermediate(options: IntermediateOptions): Promise<Readonly<Record<CaFileName, string>>> {
  const { root, nowMs } = options;
  const key = await makeKey(options.keyType);
  const { der } = await signWith(root, {
    subjectName: distinguishedName({
      organization: options.trustDomain,
      commonName: `Isthmus intermediate ${options.clusterId}`,
    }),
    publicKey: key.publicKey,
    notBeforeMs: nowMs - backdatedMs,
    notAfterMs: Math.min(nowMs + options.ttlMs, root.notAfterMs),
    extensions: [
      authority(0),
      keyUsage('digitalSignature', 'keyCertSign', 'cRLSign'),
      subjectKeyIdentifier(key.keyId),
      authorityKeyIdentifier(root.keyId),
    ],
  });
  const certificatePem = writePem('CERTIFICATE', der);
  return {
    'ca-cert.pem': certificatePem,
    'ca-key.pem': key.privatePem,
    'cert-chain.pem': [certificatePem, ...root.intermediatesPem, toPem(root.certificate)].join(''),
    'root-cert.pem': root.rootsPem,
  };
}

/** A new key pair, made in Node's thread pool. */
export async function makeKey(type: KeyType): Promise<NewKey> {
  const privateKey = await generate(type);
  const spki = createPublicKey(privateKey).export({ type: 'spki', format: 'der' });
  const publicKey = parseDer(spki);
  const [, bits] = sequenceOf(publicKey, 'the public key');
  const algorithm = signatureAlgorithmOf(privateKey);
  if (algorithm === undefined) throw new CaError('key-unsupported', `No signature algorithm fits a key of ${type}.`);
  return {
    privateKey,
    privatePem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    publicKey,
    keyId: keyIdentifier(wholeBitsOf(bits, 'the public key')),
    algorithm,
  };
}

function generate(type: KeyType): Promise<KeyObject> {
  return new Promise((resolve, reject) => {
    const done = (error: Error | null, _publicKey: KeyObject, privateKey: KeyObject) => {
      if (error === null) resolve(privateKey);
      else reject(error);
    };
    switch (type) {
      case 'ecdsa-p256':
        return generateKeyPair('ec', { namedCurve: 'P-256' }, done);
      case 'ecdsa-p384':
        return generateKeyPair('ec', { namedCurve: 'P-384' }, done);
      case 'rsa-2048':
      case 'rsa-3072':
      case 'rsa-4096':
        return generateKeyPair('rsa', { modulusLength: Number(type.slice(4)) }, done);
    }
  });
}
