// Which signatures are made and accepted: RSA PKCS#1 v1.5 and ECDSA with SHA-2. Goes from a key or an
// AlgorithmIdentifier to the hash that node:crypto needs, and back to DER.
import type { KeyObject } from 'node:crypto';
import { DerError, type DerNode } from './asn1/der.ts';
import { oids } from './asn1/object-ids.ts';
import { isUniversal, objectIdOf, sequenceOf } from './asn1/read-der.ts';
import { nullValue, objectId, sequence } from './asn1/write-der.ts';
import forge from 'node-forge';

export interface SignatureAlgorithm {
  readonly objectId: string;
  readonly key: 'rsa' | 'ec';
  readonly hash: 'sha256' | 'sha384' | 'sha512';
}

const algorithms: readonly SignatureAlgorithm[] = Object.freeze([
  { objectId: oids.sha256WithRsa, key: 'rsa', hash: 'sha256' },
  { objectId: oids.sha384WithRsa, key: 'rsa', hash: 'sha384' },
  { objectId: oids.sha512WithRsa, key: 'rsa', hash: 'sha512' },
  { objectId: oids.ecdsaWithSha256, key: 'ec', hash: 'sha256' },
  { objectId: oids.ecdsaWithSha384, key: 'ec', hash: 'sha384' },
  { objectId: oids.ecdsaWithSha512, key: 'ec', hash: 'sha512' },
]);

/** Reads an AlgorithmIdentifier; undefined when it is none of ours. Throws DerError when it is malformed. */
export function readSignatureAlgorithm(node: DerNode | undefined): SignatureAlgorithm | undefined {
  const [id, parameters, ...rest] = sequenceOf(node, 'the signature algorithm');
  const algorithm = algorithms.find(({ objectId }) => objectId === objectIdOf(id, 'the signature algorithm'));
  if (algorithm === undefined) return undefined;
  // RFC 5758, 3.2: no parameters with ECDSA. RFC 4055, 5: NULL with RSA, and absent must be accepted.
  const fits = parameters === undefined || (algorithm.key === 'rsa' && isUniversal(parameters, forge.asn1.Type.NULL));
  if (!fits || rest.length > 0) throw new DerError('the signature algorithm has unexpected parameters');
  return algorithm;
}

/** The AlgorithmIdentifier: NULL parameters for RSA, none for ECDSA. */
export function writeSignatureAlgorithm(algorithm: SignatureAlgorithm): DerNode {
  const id = objectId(algorithm.objectId);
  return algorithm.key === 'rsa' ? sequence(id, nullValue()) : sequence(id);
}

/** How a key of the authority signs: RSA of 2048 bits or more, P-256 or P-384; undefined for any other key. */
export function signatureAlgorithmOf(key: KeyObject): SignatureAlgorithm | undefined {
  const { modulusLength = 0, namedCurve } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === 'rsa') return modulusLength >= 2048 ? byId(oids.sha256WithRsa) : undefined;
  if (key.asymmetricKeyType !== 'ec') return undefined;
  if (namedCurve === 'prime256v1') return byId(oids.ecdsaWithSha256);
  return namedCurve === 'secp384r1' ? byId(oids.ecdsaWithSha384) : undefined;
}

function byId(id: string): SignatureAlgorithm | undefined {
  return algorithms.find(({ objectId }) => objectId === id);
}
