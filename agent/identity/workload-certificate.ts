// A workload's key and certificate as one value that never comes apart: checked when it is made, replaced as a whole. In: the key,
// what the authority answered, and the roots that are trusted. Out: what Envoy is given, or an AgentError that says what is wrong.

import { readCertificates, readKey, toPem } from '../../ca/ca-material.ts';
import { CaError } from '../../ca/ca-error.ts';
import type { ParsedCertificate } from '../../ca/parsed-certificate.ts';
import { findPath } from '../../ca/verify-chain.ts';
import { AgentError } from '../agent-error.ts';

export type WorkloadCertificate = {
  /** PKCS#8. */
  readonly keyPem: string;
  /** The workload's certificate and what leads from it to a root, without the root. */
  readonly chainPem: string;
  /** The roots that came with it: trusted in addition to the configured ones, since a trusted connection brought them. */
  readonly rootsPem: string;
  readonly spiffeId: string;
  /** Hexadecimal. */
  readonly serialNumber: string;
  readonly notAfterMs: number;
};

export type CertificateParts = {
  readonly keyPem: string;
  /** As `CreateCertificate` answers: leaf first, the bundle of roots last. */
  readonly certChain: readonly string[];
  readonly trustedRootsPem: string;
  readonly nowMs: number;
};

/** Throws AgentError `certificate-refused` when the parts do not make a certificate that peers would accept. */
export function workloadCertificate(parts: CertificateParts): WorkloadCertificate {
  const { keyPem, certChain, trustedRootsPem, nowMs } = parts;
  if (certChain.length < 2) throw refused('the answer holds no chain of at least a certificate and a root');
  const rootsPem = certChain.at(-1) ?? '';
  const [certificate, ...intermediates] = valueOf(readCertificates(certChain.slice(0, -1).join('\n'), 'the answer'));
  const sent = valueOf(readCertificates(rootsPem, 'the roots of the answer'));
  const trusted = valueOf(readCertificates(trustedRootsPem, 'the trusted roots'));
  if (!certificate.x509.checkPrivateKey(valueOf(readKey(keyPem, 'the key')))) {
    throw refused('the certificate is not for the key it was asked for');
  }
  const path = valueOf(findPath({ certificate, intermediates, roots: [...trusted, ...sent], nowMs }));
  const [spiffeId] = certificate.uris;
  if (spiffeId === undefined) throw refused('the certificate names no SPIFFE id');
  return Object.freeze({
    keyPem,
    chainPem: path.slice(0, -1).map(toPem).join(''),
    rootsPem: sent.map(toPem).join(''),
    spiffeId,
    serialNumber: certificate.x509.serialNumber.toLowerCase(),
    notAfterMs: Math.min(...path.map((one) => one.notAfterMs)),
  });
}

/** All roots of several PEM texts, each once, in the order in which they are first met. Texts that hold none add none. */
export function joinRoots(texts: readonly string[]): string {
  const found = new Map<string, ParsedCertificate>();
  for (const text of texts) {
    const certificates = readCertificates(text, 'the roots');
    if (certificates instanceof CaError) continue;
    for (const one of certificates) if (!found.has(one.fingerprint)) found.set(one.fingerprint, one);
  }
  return [...found.values()].map(toPem).join('');
}

function valueOf<T>(value: T | CaError): T {
  if (value instanceof CaError) throw refused(value.message, value);
  return value;
}

function refused(message: string, cause?: unknown): AgentError {
  return new AgentError('certificate-refused', message, { cause });
}
