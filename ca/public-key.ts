// Reads a SubjectPublicKeyInfo that a stranger sent: RSA from 2048 to 8192 bits, EC on P-256 or P-384 with an
// uncompressed point. What comes out is a JSON Web Key, which node:crypto imports several times faster than DER.
import { createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto';
import forge from 'node-forge';
import { DerError, parseDer, type DerNode } from './asn1/der.ts';
import { oids } from './asn1/object-ids.ts';
import { isUniversal, objectIdOf, sequenceOf, unsignedOf, wholeBitsOf } from './asn1/read-der.ts';
import { CaError } from './ca-error.ts';

export interface PublicKeyInfo {
  readonly type: 'rsa' | 'ec';
  readonly jwk: JsonWebKey;
  /** The content of the key's bit string: what key identifiers are computed over. */
  readonly bits: Buffer;
}

const minRsaBits = 2048;
// Verifying costs the square of the length; nobody needs more.
const maxRsaBits = 8192;

/** Throws DerError when malformed; CaError `csr-weak-key` or `csr-unsupported` for a key that is not accepted. */
export function readPublicKeyInfo(node: DerNode | undefined): PublicKeyInfo | CaError {
  const [algorithm, bitString, ...rest] = sequenceOf(node, 'the public key');
  if (rest.length > 0) throw new DerError('the public key has unexpected parts');
  const [id, parameters, ...more] = sequenceOf(algorithm, 'the key algorithm');
  if (more.length > 0) throw new DerError('the key algorithm has unexpected parts');
  const bits = wholeBitsOf(bitString, 'the public key');
  switch (objectIdOf(id, 'the key algorithm')) {
    case oids.rsaEncryption:
      if (!isUniversal(parameters, forge.asn1.Type.NULL)) throw new DerError('the RSA key has unexpected parameters');
      return rsaKey(bits);
    case oids.ecPublicKey:
      return ecKey(bits, parameters);
    default:
      return new CaError('csr-unsupported', 'The key is neither RSA nor EC: use RSA 2048 or longer, P-256 or P-384.');
  }
}

/** Imports the key; undefined when the numbers are no key, such as a point off the curve. Synchronous, 3 to 50 µs. */
export function importPublicKey(info: PublicKeyInfo): KeyObject | undefined {
  try {
    return createPublicKey({ key: info.jwk, format: 'jwk' });
  } catch {
    return undefined;
  }
}

function rsaKey(bits: Buffer): PublicKeyInfo | CaError {
  const [n, e, ...rest] = sequenceOf(parseDer(bits), 'the RSA key');
  if (rest.length > 0) throw new DerError('the RSA key has unexpected parts');
  const modulus = unsignedOf(n, 'the RSA modulus');
  const exponent = unsignedOf(e, 'the RSA exponent');
  const length = bitLength(modulus);
  if (length < minRsaBits) {
    return new CaError('csr-weak-key', `The RSA key has ${length} bits: use at least ${minRsaBits}, or P-256.`);
  }
  if (length > maxRsaBits) {
    return new CaError('csr-unsupported', `The RSA key has ${length} bits: use at most ${maxRsaBits}, or P-256.`);
  }
  const usable =
    isOdd(modulus) && isOdd(exponent) && exponent.length <= 4 && exponent.readUIntBE(0, exponent.length) > 1;
  if (!usable) return new CaError('csr-weak-key', 'The RSA modulus or exponent is unusable: make a new key.');
  const jwk = { kty: 'RSA', n: modulus.toString('base64url'), e: exponent.toString('base64url') };
  return { type: 'rsa', jwk, bits };
}

function ecKey(bits: Buffer, parameters: DerNode | undefined): PublicKeyInfo | CaError {
  const curve = curveOf(objectIdOf(parameters, 'the curve'));
  if (curve === undefined) return new CaError('csr-unsupported', 'The EC key is on another curve: use P-256 or P-384.');
  // SEC 1, 2.3.3: an uncompressed point is 04, x, y.
  if (bits[0] !== 4 || bits.length !== 1 + 2 * curve.bytes) {
    return new CaError('csr-unsupported', 'The EC key is not an uncompressed point: encode it uncompressed.');
  }
  const x = bits.subarray(1, 1 + curve.bytes).toString('base64url');
  const y = bits.subarray(1 + curve.bytes).toString('base64url');
  return { type: 'ec', jwk: { kty: 'EC', crv: curve.name, x, y }, bits };
}

function curveOf(objectId: string): { name: string; bytes: number } | undefined {
  if (objectId === oids.p256) return { name: 'P-256', bytes: 32 };
  return objectId === oids.p384 ? { name: 'P-384', bytes: 48 } : undefined;
}

function isOdd(bigEndian: Buffer): boolean {
  return ((bigEndian.at(-1) ?? 0) & 1) === 1;
}

function bitLength(bigEndian: Buffer): number {
  return bigEndian.length * 8 - (Math.clz32(bigEndian[0] ?? 0) - 24);
}
