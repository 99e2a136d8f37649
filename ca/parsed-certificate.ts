// A certificate that someone gave us, read once: DER in; node:crypto's view of it, and the fields that node:crypto
// does not give (names as DER, key identifier, path length, URIs), out.
import { X509Certificate } from 'node:crypto';
import { DerError, parseDer, type DerNode } from './asn1/der.ts';
import { oids } from './asn1/object-ids.ts';
import * as read from './asn1/read-der.ts';
import { CaError } from './ca-error.ts';
import forge from 'node-forge';

export interface ParsedCertificate {
  readonly x509: X509Certificate;
  readonly der: Buffer;
  /** SHA-256 of the DER, lower-case hexadecimal without colons. */
  readonly fingerprint: string;
  readonly subjectName: DerNode;
  readonly subjectKeyId: Buffer | undefined;
  readonly publicKeyBits: Buffer;
  readonly isAuthority: boolean;
  /** How many further authorities may follow below; undefined for any number. */
  readonly maxPathLength: number | undefined;
  readonly uris: readonly string[];
  /** Object identifiers of the extended key usages; undefined when the certificate is good for any use. */
  readonly extendedKeyUsages: readonly string[] | undefined;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** Critical extensions that we don't obey: RFC 5280, 4.2 wants such a certificate refused. */
  readonly unknownCritical: readonly string[];
}

type Extensions = Pick<
  ParsedCertificate,
  'subjectKeyId' | 'isAuthority' | 'maxPathLength' | 'uris' | 'extendedKeyUsages' | 'unknownCritical'
>;

// keyUsage is obeyed by X509Certificate.checkIssued.
const obeyed: ReadonlySet<string> = new Set([
  oids.basicConstraints,
  oids.keyUsage,
  oids.extendedKeyUsage,
  oids.subjectAltName,
]);

/** Errors: `certificate-unreadable`; `where` names the source in its sentence. */
export function parseCertificate(der: Uint8Array, where: string): ParsedCertificate | CaError {
  try {
    const x509 = new X509Certificate(der);
    const [tbs] = read.sequenceOf(parseDer(x509.raw), 'the certificate');
    const [version, , , , validity, subjectName, publicKey, ...optional] = read.sequenceOf(tbs, 'the certificate body');
    if (!read.isContext(version, 0) || subjectName === undefined)
      throw new DerError('the certificate is not version 3');
    const [notBefore, notAfter] = read.sequenceOf(validity, 'the validity');
    const [, keyBits] = read.sequenceOf(publicKey, 'the public key');
    const extensions = optional.find((node) => read.isContext(node, 3));
    return {
      x509,
      der: x509.raw,
      fingerprint: x509.fingerprint256.replaceAll(':', '').toLowerCase(),
      subjectName,
      publicKeyBits: read.wholeBitsOf(keyBits, 'the public key'),
      notBeforeMs: read.timeOf(notBefore, 'notBefore'),
      notAfterMs: read.timeOf(notAfter, 'notAfter'),
      ...readExtensions(extensions),
    };
  } catch (error) {
    return new CaError('certificate-unreadable', `A certificate in ${where} can't be read: write it again.`, error);
  }
}

function readExtensions(node: DerNode | undefined): Extensions {
  const values = new Map<string, DerNode>();
  const unknownCritical: string[] = [];
  const [list] = node === undefined ? [] : read.contextOf(node, 3, 'the extensions');
  for (const item of list === undefined ? [] : read.sequenceOf(list, 'the extensions')) {
    const [idNode, second, third] = read.sequenceOf(item, 'an extension');
    const id = read.objectIdOf(idNode, 'an extension');
    const critical = third !== undefined && read.booleanOf(second, 'critical');
    if (values.has(id)) throw new DerError(`the extension ${id} is there twice`);
    if (critical && !obeyed.has(id)) unknownCritical.push(id);
    values.set(id, parseExtension(id, read.octetsOf(third ?? second, 'an extension')));
  }
  return { ...readConstraints(values), ...readNames(values), unknownCritical };
}

// An extension that is not looked at need not be DER inside.
function parseExtension(id: string, content: Buffer): DerNode {
  const isRead = obeyed.has(id) || id === oids.subjectKeyIdentifier;
  return isRead ? parseDer(content) : forge.asn1.create(forge.asn1.Class.UNIVERSAL, forge.asn1.Type.NULL, false, '');
}

function readConstraints(values: ReadonlyMap<string, DerNode>): Pick<Extensions, 'isAuthority' | 'maxPathLength'> {
  const node = values.get(oids.basicConstraints);
  const [authority, pathLength] = node === undefined ? [] : read.sequenceOf(node, 'basicConstraints');
  if (authority === undefined || !read.booleanOf(authority, 'CA'))
    return { isAuthority: false, maxPathLength: undefined };
  const maxPathLength = pathLength === undefined ? undefined : read.smallIntegerOf(pathLength, 'the path length');
  return { isAuthority: true, maxPathLength };
}

function readNames(
  values: ReadonlyMap<string, DerNode>,
): Omit<Extensions, 'isAuthority' | 'maxPathLength' | 'unknownCritical'> {
  const names = values.get(oids.subjectAltName);
  const keyId = values.get(oids.subjectKeyIdentifier);
  const usages = values.get(oids.extendedKeyUsage);
  return {
    subjectKeyId: keyId === undefined ? undefined : read.octetsOf(keyId, 'the subject key identifier'),
    uris: (names === undefined ? [] : read.sequenceOf(names, 'subjectAltName'))
      .filter((name) => read.isContext(name, 6))
      .map((name) => read.textOf(name, 'a URI')),
    extendedKeyUsages:
      usages === undefined
        ? undefined
        : read.sequenceOf(usages, 'extendedKeyUsage').map((usage) => read.objectIdOf(usage, 'a key usage')),
  };
}
