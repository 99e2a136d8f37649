// What an authority signs with: its certificate and key, the chain to its root, and every root that is trusted. Made
// from PEM texts, wherever they come from (files, a Secret), and checked as a whole; immutable, so that an issuer can
// swap one for another while it runs.
import { createPrivateKey, type KeyObject } from 'node:crypto';
import { CaError } from './ca-error.ts';
import { keyIdentifier, signCertificate, type CertificateFields, type SignedCertificate } from './certificate.ts';
import { parseCertificate, type ParsedCertificate } from './parsed-certificate.ts';
import { readPem, writePem } from './pem.ts';
import { signatureAlgorithmOf, type SignatureAlgorithm } from './signature-algorithm.ts';
import { findPath } from './verify-chain.ts';

/** The four names of Istio's plug-in authority: file names in a directory, keys in a Secret. */
export const caFileNames = Object.freeze(['ca-cert.pem', 'ca-key.pem', 'cert-chain.pem', 'root-cert.pem'] as const);
export type CaFileName = (typeof caFileNames)[number];

export interface CaMaterial {
  readonly certificate: ParsedCertificate;
  readonly key: KeyObject;
  readonly algorithm: SignatureAlgorithm;
  readonly keyId: Buffer;
  /** PEM of what lies between a leaf and its root, issuer first; empty when the root signs itself. */
  readonly intermediatesPem: readonly string[];
  readonly roots: readonly ParsedCertificate[];
  /** All roots as one PEM text. */
  readonly rootsPem: string;
  /** SHA-256 of each root, lower-case hexadecimal, sorted: instances of one mesh have one in common. */
  readonly rootFingerprints: readonly string[];
  /** The earliest end of anything on the path to the root. */
  readonly notAfterMs: number;
}

export interface CaParts {
  /** The PEM texts. */
  readonly files: Readonly<Record<CaFileName, string>>;
  /** Where a part came from, for sentences: `(name) => "/etc/cacerts/" + name`. */
  readonly where: (name: CaFileName) => string;
  readonly nowMs: number;
}

/**
 * Errors, each one sentence with place and remedy: `file-unreadable`, `certificate-unreadable`, `key-unsupported`,
 * `key-mismatch`, `not-a-ca`, `expired`, `not-yet-valid`, `chain-broken`.
 */
export function caMaterial({ files, where, nowMs }: CaParts): CaMaterial | CaError {
  const key = readKey(files['ca-key.pem'], where('ca-key.pem'));
  if (key instanceof CaError) return key;
  const algorithm = signatureAlgorithmOf(key);
  if (algorithm === undefined) {
    return new CaError(
      'key-unsupported',
      `The key in ${where('ca-key.pem')} is none of RSA 2048 or longer, P-256 and P-384: issue the authority again.`,
    );
  }
  const certificates = readCertificates(files['ca-cert.pem'], where('ca-cert.pem'));
  if (certificates instanceof CaError) return certificates;
  const chain = readCertificates(files['cert-chain.pem'], where('cert-chain.pem'));
  if (chain instanceof CaError) return chain;
  const roots = readCertificates(files['root-cert.pem'], where('root-cert.pem'));
  if (roots instanceof CaError) return roots;
  const [certificate, ...rest] = certificates;
  if (!certificate.x509.checkPrivateKey(key)) {
    return new CaError(
      'key-mismatch',
      `The key in ${where('ca-key.pem')} does not belong to the certificate in ${where('ca-cert.pem')}: take both from the same \`isthmus ca issue\`.`,
    );
  }
  if (!certificate.isAuthority) {
    return new CaError(
      'not-a-ca',
      `The certificate in ${where('ca-cert.pem')} may not sign others (CA:FALSE): put an intermediate from \`isthmus ca issue\` there.`,
    );
  }
  // The chain may end with the root, as Istio's tools write it; an untrusted root among them helps nobody.
  const intermediates = distinct([...rest, ...chain]).filter((one) => !isSelfIssued(one));
  const path = findPath({ certificate, intermediates, roots, nowMs });
  if (path instanceof CaError) return explain(path, where);
  return Object.freeze({
    certificate,
    key,
    algorithm,
    keyId: certificate.subjectKeyId ?? keyIdentifier(certificate.publicKeyBits),
    intermediatesPem: path.slice(0, -1).map(toPem),
    roots,
    rootsPem: roots.map(toPem).join(''),
    rootFingerprints: roots.map((root) => root.fingerprint).toSorted(),
    notAfterMs: Math.min(...path.map((one) => one.notAfterMs)),
  });
}

/** Signs with this authority; the issuer's name is copied. Rejects only when node:crypto can't use the key. */
export function signWith(
  material: CaMaterial,
  fields: Omit<CertificateFields, 'issuerName'>,
): Promise<SignedCertificate> {
  return signCertificate({ ...fields, issuerName: material.certificate.subjectName }, material);
}

/** One PEM text, ending with a newline. */
export function toPem(certificate: ParsedCertificate): string {
  return writePem('CERTIFICATE', certificate.der);
}

/** Reads a private key in PKCS#8, PKCS#1 or SEC 1 PEM, not encrypted. */
export function readKey(text: string, where: string): KeyObject | CaError {
  try {
    return createPrivateKey(text);
  } catch (error) {
    return new CaError('file-unreadable', `${where} holds no unencrypted private key in PEM: write it again.`, error);
  }
}

type AtLeastOne<T> = readonly [T, ...T[]];

/** Reads all certificates of a PEM text; none at all is an error. */
export function readCertificates(text: string, where: string): AtLeastOne<ParsedCertificate> | CaError {
  const blocks = readPem(text, where);
  if (blocks instanceof CaError) return blocks;
  const parsed: ParsedCertificate[] = [];
  for (const { label, der } of blocks) {
    if (label !== 'CERTIFICATE') continue;
    const certificate = parseCertificate(der, where);
    if (certificate instanceof CaError) return certificate;
    parsed.push(certificate);
  }
  const [first, ...rest] = distinct(parsed);
  if (first === undefined) {
    return new CaError('file-unreadable', `${where} holds no PEM certificate: write it again.`);
  }
  return [first, ...rest];
}

function explain(error: CaError, where: (name: CaFileName) => string): CaError {
  const place = `${where('ca-cert.pem')}, ${where('cert-chain.pem')} and ${where('root-cert.pem')}`;
  switch (error.code) {
    case 'expired':
      return new CaError(
        error.code,
        `${sentence(error)} (in ${place}): issue it again with \`isthmus ca issue\`, or a root with \`isthmus ca init\`.`,
        error,
      );
    case 'not-yet-valid':
      return new CaError(
        error.code,
        `${sentence(error)} (in ${place}): set this machine's clock, or issue it again.`,
        error,
      );
    default:
      return new CaError(
        'chain-broken',
        `${sentence(error)} (in ${place}): put the whole chain in cert-chain.pem and its root in root-cert.pem.`,
        error,
      );
  }
}

function sentence(error: CaError): string {
  return error.message.replace(/\.$/, '');
}

function isSelfIssued(certificate: ParsedCertificate): boolean {
  return certificate.x509.checkIssued(certificate.x509) && certificate.x509.verify(certificate.x509.publicKey);
}

function distinct(certificates: readonly ParsedCertificate[]): readonly ParsedCertificate[] {
  return [...new Map(certificates.map((one) => [one.fingerprint, one])).values()];
}
