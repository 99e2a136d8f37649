// `tls` of a Gateway's server → how TLS is ended or passed on. A field that has no effect in the mode at hand is refused, and so
// is one that nothing implements.
// https://istio.io/latest/docs/reference/config/networking/gateway/#ServerTLSSettings

import { readChoice } from '../convert/choice.ts';
import { show, type FieldReader } from '../convert/field-reader.ts';
import type {
  ClientRoots,
  GatewayTlsMode,
  ServerCertificates,
  ServerTls,
  TlsVersion,
} from '../model/policies/gateway.ts';
import { checkFilePath } from './file-path.ts';

const modes: Readonly<Record<string, GatewayTlsMode>> = {
  PASSTHROUGH: 'passthrough',
  SIMPLE: 'simple',
  MUTUAL: 'mutual',
  OPTIONAL_MUTUAL: 'optional-mutual',
  AUTO_PASSTHROUGH: 'auto-passthrough',
  ISTIO_MUTUAL: 'istio-mutual',
};

const versions: Readonly<Record<string, TlsVersion | 'auto'>> = {
  TLS_AUTO: 'auto',
  TLSV1_0: '1.0',
  TLSV1_1: '1.1',
  TLSV1_2: '1.2',
  TLSV1_3: '1.3',
};

/** What BoringSSL has below TLS 1.3; the suites of 1.3 can't be chosen. */
const cipherSuites: ReadonlySet<string> = new Set([
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
  'ECDHE-ECDSA-AES128-SHA',
  'ECDHE-RSA-AES128-SHA',
  'ECDHE-ECDSA-AES256-SHA',
  'ECDHE-RSA-AES256-SHA',
  'AES128-GCM-SHA256',
  'AES256-GCM-SHA384',
  'AES128-SHA',
  'AES256-SHA',
]);

export interface ReadTls {
  readonly mode: GatewayTlsMode | undefined;
  readonly tls?: ServerTls | undefined;
}

/** Of a server whose protocol is HTTPS or TLS. `mode` is `PASSTHROUGH` when nothing is said, as in Istio. */
export function readServerTls(reader: FieldReader): ReadTls {
  const mode = reader.has('mode') ? readChoice(reader, 'mode', modes) : 'passthrough';
  if (reader.boolean('httpsRedirect') === true) {
    conflict(reader, 'httpsRedirect', 'it is for servers of plain HTTP, and this one speaks TLS: remove the field');
  }
  if (mode === undefined) {
    reader.ignore(...tlsFields);
    reader.end();
    return { mode };
  }
  if (mode === 'passthrough' || mode === 'auto-passthrough') {
    refuseIn(reader, mode, tlsFields);
    reader.end();
    return { mode };
  }
  const tls = readTermination(reader, mode);
  reader.end();
  return { mode, tls };
}

const credentialFields = [
  'credentialName',
  'credentialNames',
  'serverCertificate',
  'privateKey',
  'tlsCertificates',
] as const;
const clientFields = ['caCertificates', 'caCertCredentialName'] as const;
const checkFields = ['subjectAltNames', 'verifyCertificateSpki', 'verifyCertificateHash'] as const;
const tlsFields: readonly string[] = [
  ...credentialFields,
  ...clientFields,
  ...checkFields,
  'caCrl',
  'minProtocolVersion',
  'maxProtocolVersion',
  'cipherSuites',
];

function readTermination(reader: FieldReader, mode: GatewayTlsMode): ServerTls | undefined {
  // Certificates of the mesh are the agent's; a revocation list as a file nobody would follow.
  reader.refuse('caCrl', 'insecureSkipVerify');
  if (mode === 'istio-mutual') refuseIn(reader, mode, [...credentialFields, ...clientFields]);
  const checks = {
    subjectAltNames: reader.strings('subjectAltNames'),
    certificateSpkis: hashes(reader, 'verifyCertificateSpki', /^[A-Za-z0-9+/]{43}=$/, 'a SHA-256 in Base64'),
    certificateHashes: hashes(
      reader,
      'verifyCertificateHash',
      /^([0-9a-fA-F]{64}|[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){31})$/,
      'a SHA-256 in hexadecimal',
    ),
  };
  const isMutual = mode !== 'simple';
  if (!isMutual) refuseIn(reader, mode, [...clientFields, ...checkFields]);
  const versionsRead = readVersions(reader);
  const suites = readCipherSuites(reader);
  const certificates = mode === 'istio-mutual' ? meshCertificates : readCertificates(reader);
  if (certificates === undefined) {
    reader.ignore(...clientFields);
    return undefined;
  }
  const roots = mode === 'mutual' || mode === 'optional-mutual' ? readClientRoots(reader, certificates) : undefined;
  return {
    certificates,
    ...(roots === undefined ? {} : { clientRoots: roots }),
    ...checks,
    ...versionsRead,
    cipherSuites: suites,
  };
}

/** Of the mesh: no Secret and no file is named. */
const meshCertificates: ServerCertificates = Object.freeze({ kind: 'files', pairs: [] });

function readVersions(reader: FieldReader): Pick<ServerTls, 'minVersion' | 'maxVersion'> {
  const min = readChoice(reader, 'minProtocolVersion', versions);
  const max = readChoice(reader, 'maxProtocolVersion', versions);
  if (min !== undefined && max !== undefined && min !== 'auto' && max !== 'auto' && min > max) {
    conflict(reader, 'minProtocolVersion', 'it is above maxProtocolVersion, so no client could connect: correct one');
  }
  return {
    ...(min === undefined || min === 'auto' ? {} : { minVersion: min }),
    ...(max === undefined || max === 'auto' ? {} : { maxVersion: max }),
  };
}

function readCipherSuites(reader: FieldReader): readonly string[] {
  const suites = reader.strings('cipherSuites');
  for (const [index, suite] of suites.entries()) {
    if (cipherSuites.has(suite)) continue;
    const field = `${reader.at('cipherSuites')}[${index}]`;
    reader.findings.error(
      'invalid-value',
      field,
      `${show(suite)} is no cipher suite that Envoy has below TLS 1.3: use one of ${[...cipherSuites].join(', ')}`,
    );
  }
  return [...new Set(suites)];
}

function hashes(reader: FieldReader, name: string, form: RegExp, expected: string): readonly string[] {
  const values = reader.strings(name);
  for (const [index, value] of values.entries()) {
    if (form.test(value)) continue;
    reader.findings.error(
      'invalid-value',
      `${reader.at(name)}[${index}]`,
      `${show(value)} is not ${expected}: correct it`,
    );
  }
  return values;
}

function readCertificates(reader: FieldReader): ServerCertificates | undefined {
  const ways = [
    ['credentialName'],
    ['credentialNames'],
    ['serverCertificate', 'privateKey'],
    ['tlsCertificates'],
  ] as const;
  const given = ways.filter((fields) => fields.some((field) => reader.has(field)));
  const [first, second] = given;
  if (first === undefined) {
    reader.missing('credentialName');
    return undefined;
  }
  if (second !== undefined) {
    conflict(reader, second[0], `${reader.at(first[0])} says where the certificate is already: remove one of the two`);
    return undefined;
  }
  switch (first[0]) {
    case 'credentialName':
      return secrets(reader, 'credentialName', [reader.requiredString('credentialName')]);
    case 'credentialNames': {
      const names = reader.strings('credentialNames');
      if (names.length === 0) reader.missing('credentialNames');
      return secrets(reader, 'credentialNames', names);
    }
    case 'serverCertificate':
      return { kind: 'files', pairs: [readPair(reader)] };
    default: {
      const pairs = reader.objects('tlsCertificates').map((pair) => {
        const read = readPair(pair);
        pair.refuse('caCertificates');
        pair.end();
        return read;
      });
      if (pairs.length === 0) reader.missing('tlsCertificates');
      return { kind: 'files', pairs };
    }
  }
}

function readPair(reader: FieldReader): { readonly certificate: string; readonly key: string } {
  return { certificate: path(reader, 'serverCertificate'), key: path(reader, 'privateKey') };
}

function path(reader: FieldReader, name: string): string {
  const text = reader.requiredString(name);
  checkFilePath(reader, name, text);
  return text;
}

function secrets(
  reader: FieldReader,
  field: 'credentialName' | 'credentialNames',
  texts: readonly string[],
): ServerCertificates {
  const at = (index: number): string =>
    field === 'credentialName' ? reader.at(field) : `${reader.at(field)}[${index}]`;
  const names = texts.map((text, index) => secretName(text, at(index), reader));
  for (const [index, name] of names.entries()) {
    if (!name.endsWith('-cacert')) continue;
    const message = `${show(name)} ends in -cacert, which is how Secrets with client roots are named: give the Secret with the certificate another name`;
    reader.findings.error('invalid-value', at(index), message);
  }
  return { kind: 'secrets', names, field: reader.at(field) };
}

/** `NAME` or `kubernetes://NAME`; a namespace can't be said, as it is that of the gateway workload. */
function secretName(text: string, field: string, reader: FieldReader): string {
  const name = text.startsWith('kubernetes://') ? text.slice('kubernetes://'.length) : text;
  if (name === '' || /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/.test(name)) return name;
  const message = name.includes('://')
    ? `${show(text)} is not a Secret, and only Secrets are read: name one, as NAME or kubernetes://NAME`
    : name.includes('/')
      ? `${show(text)} has a namespace, and gateways get Secrets of their own namespace only: put the Secret there and name it alone`
      : `${show(text)} is not the name of a Secret: correct it`;
  reader.findings.error('invalid-value', field, message);
  return name;
}

function readClientRoots(reader: FieldReader, certificates: ServerCertificates): ClientRoots | undefined {
  const named = reader.string('caCertCredentialName');
  const file = reader.has('caCertificates') ? path(reader, 'caCertificates') : undefined;
  if (named !== undefined && file !== undefined) {
    conflict(
      reader,
      'caCertificates',
      `${reader.at('caCertCredentialName')} names client roots: remove one of the two`,
    );
  }
  if (named !== undefined) {
    const field = reader.at('caCertCredentialName');
    return { kind: 'secret', name: secretName(named, field, reader), field };
  }
  if (certificates.kind === 'secrets') {
    if (file !== undefined) {
      const message = `the client roots are those of the Secret (ca.crt, or the Secret NAME-cacert): remove the field`;
      conflict(reader, 'caCertificates', message);
    }
    const [name] = certificates.names;
    return name === undefined ? undefined : { kind: 'secret', name, field: certificates.field };
  }
  if (file === undefined) {
    reader.missing('caCertificates');
    return undefined;
  }
  return { kind: 'file', path: file };
}

function refuseIn(reader: FieldReader, mode: GatewayTlsMode, fields: readonly string[]): void {
  const word = Object.keys(modes).find((name) => modes[name] === mode) ?? mode;
  for (const field of fields) {
    if (reader.has(field)) conflict(reader, field, `it has no effect in mode ${word}: remove the field`);
  }
}

function conflict(reader: FieldReader, field: string, message: string): void {
  reader.findings.error('conflicting-fields', reader.at(field), message);
}
