// Does a certificate lead to one of our roots? Goes from a certificate, candidates for what lies between, and the
// roots, to the path, or to the reason why there is none. Several roots, and several keys under one name, are normal:
// that is how roots are rotated.
import { CaError } from './ca-error.ts';
import { parseCertificate, type ParsedCertificate } from './parsed-certificate.ts';
import { oids } from './asn1/object-ids.ts';

const tlsUsages: ReadonlySet<string> = new Set([oids.clientAuth, oids.serverAuth, oids.anyExtendedKeyUsage]);

export interface ChainQuestion {
  readonly certificate: ParsedCertificate;
  readonly intermediates: readonly ParsedCertificate[];
  readonly roots: readonly ParsedCertificate[];
  /** Milliseconds since the epoch. */
  readonly nowMs: number;
}

// Longer chains and larger bundles than these are an attack on the processor, not a mesh.
const maxIntermediates = 8;

/**
 * The path from the certificate to a root, both included. Errors: `expired`, `not-yet-valid`, `not-a-ca` when that is
 * all that keeps a path from being one, else `chain-untrusted`.
 */
export function findPath(question: ChainQuestion): readonly ParsedCertificate[] | CaError {
  if (question.intermediates.length > maxIntermediates) {
    return new CaError(
      'chain-untrusted',
      `The chain has more than ${maxIntermediates} certificates between leaf and root.`,
    );
  }
  return extendPath([question.certificate], question);
}

/**
 * Verifies what a peer presented: DER of its certificate, DER of the others that it sent, our roots. Also refuses a
 * certificate that is not meant for clients or servers of TLS.
 */
export function verifyChain(
  leafDer: Uint8Array,
  intermediates: readonly Uint8Array[],
  roots: readonly ParsedCertificate[],
  nowMs: number,
): readonly ParsedCertificate[] | CaError {
  const leaf = parseCertificate(leafDer, "the peer's chain");
  if (leaf instanceof CaError) return leaf;
  const parsed: ParsedCertificate[] = [];
  for (const der of intermediates.slice(0, maxIntermediates + 1)) {
    const certificate = parseCertificate(der, "the peer's chain");
    if (certificate instanceof CaError) return certificate;
    parsed.push(certificate);
  }
  if (leaf.isAuthority) return new CaError('chain-untrusted', "An authority's certificate identifies no workload.");
  if (!isForTls(leaf)) return new CaError('chain-untrusted', 'The certificate is not meant for TLS.');
  return findPath({ certificate: leaf, intermediates: parsed, roots, nowMs });
}

function extendPath(
  path: readonly ParsedCertificate[],
  question: ChainQuestion,
): readonly ParsedCertificate[] | CaError {
  const last = path.at(-1);
  if (last === undefined) return new CaError('chain-untrusted', 'There is no certificate.');
  const problem = problemOf(last, path, question.nowMs);
  if (problem !== undefined) return problem;
  if (question.roots.some((root) => root.fingerprint === last.fingerprint)) return path;
  let failure = new CaError('chain-untrusted', `${nameOf(last)} does not lead to a trusted root.`);
  // Roots first: the shortest path wins.
  for (const candidate of [...question.roots, ...question.intermediates]) {
    const isNew = !path.some((certificate) => certificate.fingerprint === candidate.fingerprint);
    if (!isNew || !last.x509.checkIssued(candidate.x509) || !last.x509.verify(candidate.x509.publicKey)) continue;
    const found = extendPath([...path, candidate], question);
    if (!(found instanceof CaError)) return found;
    // Of several failures the one that names a cause is worth more than "untrusted".
    if (failure.code === 'chain-untrusted') failure = found;
  }
  return failure;
}

/** What is wrong with the last certificate of the path, seen on its own and as the issuer of those before it. */
function problemOf(last: ParsedCertificate, path: readonly ParsedCertificate[], nowMs: number): CaError | undefined {
  const name = nameOf(last);
  if (nowMs > last.notAfterMs) return new CaError('expired', `${name} expired on ${iso(last.notAfterMs)}.`);
  if (nowMs < last.notBeforeMs) {
    return new CaError('not-yet-valid', `${name} is not valid before ${iso(last.notBeforeMs)}.`);
  }
  const [unknown] = last.unknownCritical;
  if (unknown !== undefined) {
    return new CaError('chain-untrusted', `${name} has a critical extension that is not supported (${unknown}).`);
  }
  if (path.length === 1) return undefined;
  if (!last.isAuthority) return new CaError('not-a-ca', `${name} signed a certificate, but is no authority.`);
  // RFC 5280, 6.1.4: the path length counts the authorities below, without the end of the chain.
  const below = path.slice(0, -1).filter((certificate) => certificate.isAuthority).length;
  if (last.maxPathLength !== undefined && below > last.maxPathLength) {
    return new CaError('chain-untrusted', `${name} may not have ${below} authorities below it.`);
  }
  return undefined;
}

function isForTls(leaf: ParsedCertificate): boolean {
  const usages = leaf.extendedKeyUsages;
  return usages === undefined || usages.some((usage) => tlsUsages.has(usage));
}

/** A short name for sentences: the subject on one line, or the serial number where there is no subject. */
export function nameOf(certificate: ParsedCertificate): string {
  const subject = certificate.x509.subject;
  const text = typeof subject === 'string' && subject !== '' ? subject.replaceAll('\n', ', ') : '';
  return `The certificate "${text === '' ? `serial ${certificate.x509.serialNumber}` : text}"`;
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
