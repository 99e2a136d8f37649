// `tls` of a traffic policy. In: the field's mapping. Out: how connections to the endpoints are secured.
// https://istio.io/latest/docs/reference/config/networking/destination-rule/#ClientTLSSettings

import { readChoice } from '../convert/choice.ts';
import type { FieldReader } from '../convert/field-reader.ts';
import type { ClientTls, ClientTlsMode } from '../model/policy.ts';
import { checkFilePath } from './file-path.ts';

const modes: Readonly<Record<string, ClientTlsMode>> = {
  DISABLE: 'disable',
  SIMPLE: 'simple',
  MUTUAL: 'mutual',
  ISTIO_MUTUAL: 'istio-mutual',
};

export function readClientTls(reader: FieldReader): ClientTls {
  const mode = readChoice(reader, 'mode', modes) ?? 'disable';
  if (reader.has('credentialName')) {
    const field = reader.at('credentialName');
    const message = `${field} is not supported for clients yet: mount the Secret beside the proxy and name its files`;
    reader.findings.error('unsupported-field', field, message);
  }
  const sni = reader.string('sni');
  const certificateChain = reader.string('clientCertificate') ?? '';
  const privateKey = reader.string('privateKey') ?? '';
  const caCertificates = reader.string('caCertificates') ?? '';
  const caCrl = reader.string('caCrl') ?? '';
  for (const [name, text] of Object.entries({
    clientCertificate: certificateChain,
    privateKey,
    caCertificates,
    caCrl,
  })) {
    checkFilePath(reader, name, text);
  }
  const subjectAltNames = reader.strings('subjectAltNames').filter((name) => name !== '');
  const insecureSkipVerify = reader.boolean('insecureSkipVerify') ?? false;
  reader.end();
  checkFields(reader, mode);
  return {
    mode,
    subjectAltNames,
    insecureSkipVerify,
    ...(sni === undefined || sni === '' ? {} : { sni }),
    ...(mode === 'mutual' ? { clientCertificate: { certificateChain, privateKey } } : {}),
    ...(caCertificates === '' ? {} : { caCertificates }),
    ...(caCrl === '' ? {} : { caCrl }),
  };
}

// What a mode does not use would not happen, so it refuses the rule.
function checkFields(reader: FieldReader, mode: ClientTlsMode): void {
  const needed = mode === 'mutual' ? ['clientCertificate', 'privateKey'] : [];
  for (const name of needed) if (!isSaid(reader, name)) reader.missing(name);
  for (const name of unusedFields[mode]) {
    if (!isSaid(reader, name)) continue;
    const message = `${reader.at(name)} has no use with this mode: remove it or change the mode`;
    reader.findings.error('conflicting-fields', reader.at(name), message);
  }
  const skips = isSaid(reader, 'insecureSkipVerify');
  for (const name of ['caCertificates', 'caCrl', 'subjectAltNames']) {
    if (!skips || !isSaid(reader, name) || unusedFields[mode].includes(name)) continue;
    const message = `${reader.at(name)} is not looked at with insecureSkipVerify: keep one of them`;
    reader.findings.error('conflicting-fields', reader.at(name), message);
  }
}

const ownFiles = ['clientCertificate', 'privateKey'];
const checks = ['caCertificates', 'caCrl', 'insecureSkipVerify'];
const unusedFields: Readonly<Record<ClientTlsMode, readonly string[]>> = {
  disable: [...ownFiles, ...checks, 'subjectAltNames'],
  simple: ownFiles,
  mutual: [],
  // The mesh's own certificate and roots.
  'istio-mutual': [...ownFiles, ...checks],
};

function isSaid(reader: FieldReader, name: string): boolean {
  const value = reader.raw(name);
  return value !== undefined && value !== '' && value !== false && !(Array.isArray(value) && value.length === 0);
}
