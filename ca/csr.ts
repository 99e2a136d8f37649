// A certificate signing request (PKCS#10, RFC 2986), PEM or DER, from an untrusted caller to its public key. Nothing
// but the key is taken from it: names and extensions that it asks for are ignored.
import { verify } from 'node:crypto';
import { DerError, encodeDer, parseDer, type DerNode } from './asn1/der.ts';
import { sequenceOf, smallIntegerOf, wholeBitsOf, isContext } from './asn1/read-der.ts';
import { CaError } from './ca-error.ts';
import { readPem } from './pem.ts';
import { importPublicKey, readPublicKeyInfo, type PublicKeyInfo } from './public-key.ts';
import { readSignatureAlgorithm, type SignatureAlgorithm } from './signature-algorithm.ts';

export interface Csr {
  /** SubjectPublicKeyInfo, to be copied unchanged into the certificate. */
  readonly publicKey: DerNode;
  readonly keyInfo: PublicKeyInfo;
  readonly algorithm: SignatureAlgorithm;
  /** The DER of the CertificationRequestInfo, which the signature is over. */
  readonly signedBytes: Buffer;
  readonly signature: Buffer;
}

/** Far above any request with a key of 8192 bits. */
const maxCsrBytes = 16 * 1024;

/**
 * Reads a request without checking its signature. Errors: `csr-unreadable`, `csr-unsupported`, `csr-weak-key`.
 * A string is PEM; bytes are PEM when they begin with a dash, else DER.
 */
export function parseCsr(input: string | Uint8Array): Csr | CaError {
  if (input.length > maxCsrBytes) return unreadable(`it is longer than ${maxCsrBytes} bytes`);
  const der = derOf(input);
  if (der instanceof CaError) return der;
  try {
    return readRequest(parseDer(der));
  } catch (error) {
    if (error instanceof DerError) return unreadable(error.message, error);
    throw error;
  }
}

/**
 * Whether the request was signed by the private key of its public key: undefined when it was, else `csr-bad-signature`
 * or `csr-unsupported` (a point that is not on its curve). The verification runs in Node's thread pool.
 */
export async function checkCsrSignature(csr: Csr): Promise<CaError | undefined> {
  const key = importPublicKey(csr.keyInfo);
  if (key === undefined) return new CaError('csr-unsupported', 'The public key is not valid: make a new key.');
  const good = await new Promise<boolean>((resolve, reject) => {
    verify(csr.algorithm.hash, csr.signedBytes, key, csr.signature, (error, result) => {
      if (error === null) resolve(result);
      else reject(error);
    });
  }).catch(() => false);
  return good
    ? undefined
    : new CaError('csr-bad-signature', 'The request is not signed by the private key of its public key.');
}

function readRequest(request: DerNode): Csr | CaError {
  const [info, algorithmNode, signatureNode, ...rest] = sequenceOf(request, 'the request');
  if (info === undefined || rest.length > 0) throw new DerError('the request does not have three parts');
  const [version, subject, publicKey, attributes, ...more] = sequenceOf(info, 'the request info');
  if (smallIntegerOf(version, 'the version') !== 0) throw new DerError('the version is not 0');
  sequenceOf(subject, 'the subject');
  // The attributes are required by RFC 2986, but may be empty; some old writers leave them out.
  const attributesFit = attributes === undefined || isContext(attributes, 0);
  if (publicKey === undefined || !attributesFit || more.length > 0) throw new DerError('the request info is malformed');
  const algorithm = readSignatureAlgorithm(algorithmNode);
  const signature = wholeBitsOf(signatureNode, 'the signature');
  const keyInfo = readPublicKeyInfo(publicKey);
  if (keyInfo instanceof CaError) return keyInfo;
  if (algorithm === undefined || algorithm.key !== keyInfo.type) {
    return new CaError(
      'csr-unsupported',
      'The request is signed with an unsupported algorithm: use ECDSA or RSA PKCS#1 v1.5, with SHA-256 or longer.',
    );
  }
  return { publicKey, keyInfo, algorithm, signedBytes: encodeDer(info), signature };
}

function derOf(input: string | Uint8Array): Uint8Array | CaError {
  const isPem = typeof input === 'string' || input[0] === '-'.charCodeAt(0);
  if (!isPem) return input;
  const text = typeof input === 'string' ? input : Buffer.from(input).toString('latin1');
  const blocks = readPem(text, 'the request');
  if (blocks instanceof CaError) return unreadable('its PEM is broken', blocks);
  const [block, ...others] = blocks;
  const isRequest = block?.label === 'CERTIFICATE REQUEST' || block?.label === 'NEW CERTIFICATE REQUEST';
  if (block === undefined || !isRequest || others.length > 0)
    return unreadable('it is not one PEM CERTIFICATE REQUEST');
  return block.der;
}

function unreadable(why: string, cause?: unknown): CaError {
  return new CaError('csr-unreadable', `The certificate signing request can't be read: ${why}.`, cause);
}
