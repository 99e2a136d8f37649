// Makes an X.509 v3 certificate: the fields of a TBSCertificate and the issuer's private key in, DER out. The signature
// is made in Node's thread pool.
import { createHash, randomBytes, sign, type KeyObject } from 'node:crypto';
import { encodeDer, type DerNode } from './asn1/der.ts';
import { bitString, explicit, sequence, smallInteger, time, unsignedInteger } from './asn1/write-der.ts';
import { writeSignatureAlgorithm, type SignatureAlgorithm } from './signature-algorithm.ts';

/** What a certificate says; names and the public key are DER nodes that are copied unchanged. */
export interface CertificateFields {
  readonly issuerName: DerNode;
  readonly subjectName: DerNode;
  readonly publicKey: DerNode;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly extensions: readonly DerNode[];
}

export interface Signer {
  readonly key: KeyObject;
  readonly algorithm: SignatureAlgorithm;
}

export interface SignedCertificate {
  readonly der: Buffer;
  /** Hexadecimal. */
  readonly serialNumber: string;
}

/** How far back certificates begin, for callers whose clocks are behind. */
export const backdatedMs = 2 * 60 * 1000;

/** Rejects only when node:crypto can't sign with this key. */
export async function signCertificate(fields: CertificateFields, signer: Signer): Promise<SignedCertificate> {
  // 128 random bits: no two instances need to agree on a counter, and nobody can guess the next one.
  const serial = randomBytes(16);
  const algorithm = writeSignatureAlgorithm(signer.algorithm);
  const tbs = sequence(
    explicit(0, smallInteger(2)), // v3
    unsignedInteger(serial),
    algorithm,
    fields.issuerName,
    sequence(time(fields.notBeforeMs), time(fields.notAfterMs)),
    fields.subjectName,
    fields.publicKey,
    explicit(3, sequence(...fields.extensions)),
  );
  const signature = await signInPool(encodeDer(tbs), signer);
  return { der: encodeDer(sequence(tbs, algorithm, bitString(signature))), serialNumber: serial.toString('hex') };
}

/** RFC 7093, 2 (1): the leftmost 160 bits of the SHA-256 of the key's bit string. */
export function keyIdentifier(publicKeyBits: Uint8Array): Buffer {
  return createHash('sha256').update(publicKeyBits).digest().subarray(0, 20);
}

function signInPool(bytes: Buffer, signer: Signer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    sign(signer.algorithm.hash, bytes, signer.key, (error, signature) => {
      if (error === null) resolve(signature);
      else reject(error);
    });
  });
}
