// Fields of MeshConfig that people set: each is obeyed, or told with its name and what to do in its stead.

import { expect, it } from 'vitest';
import { readMeshConfig } from '../../../discovery/convert/mesh-config.ts';
import { defaultMeshConfig } from '../../../discovery/model/mesh-config.ts';

const read = (fields: object) => readMeshConfig(fields, 'mesh', defaultMeshConfig);

it.each([
  ['accessLogFile', '/dev/stdout', { accessLogFile: '/dev/stdout' }],
  ['accessLogFormat', '%PROTOCOL%', { accessLogFormat: { kind: 'text', text: '%PROTOCOL%' } }],
  ['accessLogEncoding', 'TEXT', {}],
  ['disableEnvoyListenerLog', true, { disableListenerLog: true }],
  ['tcpKeepalive', { time: '10s', probes: 0 }, { traffic: { keepalive: { timeMs: 10_000 } } }],
  ['h2UpgradePolicy', 'UPGRADE', { traffic: { upgradesToHttp2: true } }],
  ['defaultHttpRetryPolicy', { attempts: 0 }, { traffic: { retries: { attempts: 0, retryOn: '' } } }],
  ['dnsRefreshRate', '5s', { traffic: { dnsRefreshMs: 5000 } }],
  ['meshMTLS', { minProtocolVersion: 'TLSV1_3' }, { traffic: { minTls: '1.3' } }],
  ['verifyCertificateAtClient', true, {}],
  ['defaultProviders', { metrics: ['prometheus'] }, { defaultProviders: { metrics: ['prometheus'] } }],
] as const)('%s is obeyed', (field, given, wanted) => {
  const { value, problems } = read({ [field]: given });
  expect(problems).toEqual([]);
  expect(value).toMatchObject(wanted);
});

it.each(['%START_TIME(%Y-%m-%dT%H:%M:%S.%3f%z)% 100%%', '%REQ(X-A?:PATH):10% %CEL(request.size % 2)%', '{a}'])(
  'the format %j is as Envoy reads it',
  (accessLogFormat) => {
    expect(read({ accessLogFormat })).toMatchObject({
      value: { accessLogFormat: { text: accessLogFormat } },
      problems: [],
    });
  },
);

it('lines of JSON hold what is asked for, or what is usual', () => {
  const labels = (fields: object) => {
    const format = read({ accessLogEncoding: 'JSON', ...fields }).value?.accessLogFormat;
    return format?.kind === 'json' ? format.labels : undefined;
  };
  expect(labels({ accessLogFormat: '{"a": "%PROTOCOL%"}' })).toEqual({ a: '%PROTOCOL%' });
  expect(labels({})).toMatchObject({ response_code: '%RESPONSE_CODE%' });
});

it.each([
  ['accessLogFormat', { accessLogEncoding: 'JSON', accessLogFormat: 'plain text' }],
  ['accessLogFormat', { accessLogEncoding: 'JSON', accessLogFormat: '*nothing' }],
  ['accessLogFormat', { accessLogEncoding: 'JSON', accessLogFormat: '{"a": "b"' }],
  ['accessLogFormat', { accessLogFormat: '100% %PROTOCOL%' }],
  ['accessLogFormat', { accessLogFormat: '%REQ(a' }],
  ['accessLogFormat', { accessLogEncoding: 'JSON', accessLogFormat: '{"a": "%protocol%"}' }],
  [
    'extensionProviders[0].envoyFileAccessLog.logFormat.text',
    { extensionProviders: [{ name: 'a', envoyFileAccessLog: { path: '/a', logFormat: { text: '%DURATION' } } }] },
  ],
  [
    'extensionProviders[0].envoyFileAccessLog.logFormat.labels.b',
    { extensionProviders: [{ name: 'a', envoyFileAccessLog: { path: '/a', logFormat: { labels: { b: '5%' } } } }] },
  ],
  ['accessLogEncoding', { accessLogEncoding: 'XML' }],
  // Envoy wants more than one millisecond.
  ['dnsRefreshRate', { dnsRefreshRate: '1ms' }],
  ['tcpKeepalive.time', { tcpKeepalive: { time: 'long' } }],
  ['defaultHttpRetryPolicy.retryOn', { defaultHttpRetryPolicy: { attempts: 1, retryOn: 'never' } }],
  ['meshMTLS.minProtocolVersion', { meshMTLS: { minProtocolVersion: 'SSL' } }],
])('a wrong %s refuses the text', (field, fields) => {
  const { value, problems } = read(fields);
  expect(value).toBeUndefined();
  expect(problems).toMatchObject([{ severity: 'error', field }]);
});

it.each([
  'enableTracing',
  'enableEnvoyAccessLogService',
  'protocolDetectionTimeout',
  'discoverySelectors',
  'caCertificates',
  'tlsDefaults',
  'inboundClusterStatName',
  'outboundClusterStatName',
  'proxyHttpPort',
  'ingressControllerMode',
  'hboneIdleTimeout',
  'whatever',
])('%s changes nothing, and that is told by its name', (field) => {
  const { value, problems } = read({ [field]: 'given' });
  expect(value).toEqual(read({}).value);
  expect(problems).toMatchObject([{ severity: 'warning', code: 'unsupported-field', field }]);
  expect(problems[0]?.message).toContain(field);
});
