// What a Gateway says of its servers is obeyed, or refused by the name of the field.

import { describe, expect, it } from 'vitest';
import type { GatewayPolicy } from '../../../discovery/model/policy.ts';
import { convertGateway } from '../../../discovery/policy/gateway.ts';
import { objectOf, policyManifest } from '../../support/kube-objects.ts';

type Fields = Readonly<Record<string, unknown>>;

const convert = (...servers: readonly Fields[]) =>
  convertGateway(objectOf(policyManifest('Gateway', 'it', { selector: { istio: 'edge' }, servers })));
const https = (tls: Fields, changes: Fields = {}): Fields => ({
  port: { number: 443, name: 'https', protocol: 'HTTPS' },
  hosts: ['a.example.com'],
  tls,
  ...changes,
});
const http = (changes: Fields = {}): Fields => ({
  port: { number: 80, name: 'http', protocol: 'HTTP' },
  hosts: ['*'],
  ...changes,
});
const serverOf = (fields: Fields): GatewayPolicy['servers'][number] | undefined => {
  const { value, problems } = convert(fields);
  expect(problems).toEqual([]);
  return value?.servers[0];
};
const simple = { mode: 'SIMPLE', credentialName: 'a' };

describe('a server', () => {
  it('listens on one address and redirects', () => {
    expect(serverOf(http({ bind: '10.0.0.1', tls: { httpsRedirect: true } }))).toMatchObject({
      bind: '10.0.0.1',
      httpsRedirect: true,
    });
  });

  it.each([
    ['a bare name', 'a'],
    ['a URL', 'kubernetes://a'],
  ])('names its Secret by %s', (_what, credentialName) => {
    expect(serverOf(https({ mode: 'SIMPLE', credentialName }))?.tls?.certificates).toMatchObject({ names: ['a'] });
  });

  it('has several certificates, versions and cipher suites', () => {
    const tls = {
      mode: 'SIMPLE',
      credentialNames: ['rsa', 'ecdsa'],
      minProtocolVersion: 'TLSV1_2',
      maxProtocolVersion: 'TLS_AUTO',
      cipherSuites: ['ECDHE-RSA-AES128-GCM-SHA256'],
    };
    expect(serverOf(https(tls))?.tls).toMatchObject({
      certificates: { kind: 'secrets', names: ['rsa', 'ecdsa'] },
      minVersion: '1.2',
      cipherSuites: ['ECDHE-RSA-AES128-GCM-SHA256'],
    });
  });

  it.each(['MUTUAL', 'OPTIONAL_MUTUAL'])('in mode %s checks clients against the Secret of its certificate', (mode) => {
    const tls = { mode, credentialName: 'a', subjectAltNames: ['b'], verifyCertificateHash: ['ab'.repeat(32)] };
    expect(serverOf(https(tls))?.tls).toMatchObject({
      clientRoots: { kind: 'secret', name: 'a' },
      subjectAltNames: ['b'],
      certificateHashes: ['ab'.repeat(32)],
    });
  });

  it('takes client roots of a Secret of their own', () => {
    const tls = { mode: 'MUTUAL', credentialName: 'a', caCertCredentialName: 'roots' };
    expect(serverOf(https(tls))?.tls?.clientRoots).toMatchObject({ kind: 'secret', name: 'roots' });
  });

  it('reads files', () => {
    const tls = { mode: 'MUTUAL', serverCertificate: '/c', privateKey: '/k', caCertificates: '/r' };
    expect(serverOf(https(tls))?.tls).toMatchObject({
      certificates: { kind: 'files', pairs: [{ certificate: '/c', key: '/k' }] },
      clientRoots: { kind: 'file', path: '/r' },
    });
  });

  it('needs nothing to be of the mesh, and passes TLS on where no mode is said', () => {
    expect(serverOf(https({ mode: 'ISTIO_MUTUAL' }))?.tlsMode).toBe('istio-mutual');
    expect(serverOf(https({}))?.tlsMode).toBe('passthrough');
  });
});

describe('a Gateway is refused', () => {
  it.each<[string, Fields, string, string]>([
    ['a default endpoint', http({ defaultEndpoint: '127.0.0.1:80' }), 'defaultEndpoint', 'unsupported-field'],
    ['a socket to bind to', http({ bind: 'unix:///x' }), 'bind', 'invalid-value'],
    ['HTTP/3', http({ port: { number: 443, protocol: 'HTTP3' } }), 'port.protocol', 'invalid-value'],
    ['HTTPS without TLS', https({}, { tls: undefined }), 'tls', 'missing-field'],
    ['TLS settings of plain HTTP', http({ tls: simple }), 'tls.mode', 'conflicting-fields'],
    ['a redirect of HTTPS', https({ ...simple, httpsRedirect: true }), 'tls.httpsRedirect', 'conflicting-fields'],
    [
      'a redirect of TCP',
      http({ port: { number: 1, protocol: 'TCP' }, tls: { httpsRedirect: true } }),
      'tls.httpsRedirect',
      'conflicting-fields',
    ],
    ['no certificate', https({ mode: 'SIMPLE' }), 'tls.credentialName', 'missing-field'],
    [
      'two certificates',
      https({ ...simple, serverCertificate: '/c', privateKey: '/k' }),
      'tls.serverCertificate',
      'conflicting-fields',
    ],
    [
      'a Secret of a namespace',
      https({ mode: 'SIMPLE', credentialName: 'b/a' }),
      'tls.credentialName',
      'invalid-value',
    ],
    [
      'a ConfigMap',
      https({ mode: 'SIMPLE', credentialName: 'configmap://b/a' }),
      'tls.credentialName',
      'invalid-value',
    ],
    [
      'a Secret of client roots',
      https({ mode: 'SIMPLE', credentialName: 'a-cacert' }),
      'tls.credentialName',
      'invalid-value',
    ],
    [
      'names of clients without any',
      https({ ...simple, subjectAltNames: ['a'] }),
      'tls.subjectAltNames',
      'conflicting-fields',
    ],
    [
      'client roots without clients',
      https({ ...simple, caCertificates: '/r' }),
      'tls.caCertificates',
      'conflicting-fields',
    ],
    ['a revocation list as a file', https({ ...simple, caCrl: '/crl' }), 'tls.caCrl', 'unsupported-field'],
    [
      'a certificate that is passed on',
      https({ mode: 'PASSTHROUGH', credentialName: 'a' }),
      'tls.credentialName',
      'conflicting-fields',
    ],
    [
      'a certificate of the mesh',
      https({ mode: 'ISTIO_MUTUAL', credentialName: 'a' }),
      'tls.credentialName',
      'conflicting-fields',
    ],
    [
      'a relative path',
      https({ mode: 'SIMPLE', serverCertificate: 'c', privateKey: '/k' }),
      'tls.serverCertificate',
      'invalid-value',
    ],
    ['a cipher suite', https({ ...simple, cipherSuites: ['RC4'] }), 'tls.cipherSuites[0]', 'invalid-value'],
    [
      'versions the wrong way',
      https({ ...simple, minProtocolVersion: 'TLSV1_3', maxProtocolVersion: 'TLSV1_2' }),
      'tls.minProtocolVersion',
      'conflicting-fields',
    ],
    [
      'a hash',
      https({ mode: 'MUTUAL', credentialName: 'a', verifyCertificateSpki: ['x'] }),
      'tls.verifyCertificateSpki[0]',
      'invalid-value',
    ],
    ['a field that is none', https({ ...simple, serverName: 'a' }), 'tls.serverName', 'unknown-field'],
  ])('for %s', (_what, fields, field, code) => {
    const { value, problems } = convert(fields);
    expect(value).toBeUndefined();
    expect(problems).toContainEqual(
      expect.objectContaining({ severity: 'error', field: `spec.servers[0].${field}`, code }),
    );
  });

  it('for two ports of one name', () => {
    expect(convert(http(), http()).problems).toMatchObject([
      { code: 'duplicate-name', field: 'spec.servers[1].port.name' },
    ]);
  });
});
