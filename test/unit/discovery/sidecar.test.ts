// Sidecars: what is read, what is refused and by which sentence, and which of several holds.

import { describe, expect, it } from 'vitest';
import { convertSidecar } from '../../../discovery/policy/sidecar.ts';
import { sidecarFor } from '../../../server/view/sidecar-scope.ts';
import { objectOf, policyManifest } from '../../support/kube-objects.ts';
import { mesh } from '../../support/mesh-model.ts';

const convert = (spec: Readonly<Record<string, unknown>>, name = 'it', namespace = 'sample') =>
  convertSidecar(objectOf(policyManifest('Sidecar', name, spec, { namespace })));
const http = { number: 9080, protocol: 'HTTP', name: 'http' };
const labels = { workloadSelector: { labels: { app: 'web' } } };

describe('a Sidecar is refused, and the sentence names the field, for', () => {
  it.each([
    ['an egress without hosts', { egress: [{}] }, 'spec.egress[0].hosts', 'missing-field'],
    ['a host without a namespace', { egress: [{ hosts: ['web'] }] }, 'spec.egress[0].hosts[0]', 'invalid-host'],
    ['a wrong namespace', { egress: [{ hosts: ['A/*'] }] }, 'spec.egress[0].hosts[0]', 'invalid-host'],
    [
      'a bind without a port',
      { egress: [{ bind: '127.0.0.1', hosts: ['*/*'] }] },
      'spec.egress[0].port',
      'missing-field',
    ],
    [
      'a socket',
      { egress: [{ port: http, bind: 'unix:///x', hosts: ['*/*'] }] },
      'spec.egress[0].bind',
      'unsupported-field',
    ],
    [
      'a capture mode',
      { egress: [{ captureMode: 'MAGIC', hosts: ['*/*'] }] },
      'spec.egress[0].captureMode',
      'invalid-value',
    ],
    [
      'two listeners for all',
      { egress: [{ hosts: ['*/*'] }, { hosts: ['./*'] }] },
      'spec.egress[1].port',
      'duplicate-port',
    ],
    [
      'egressProxy',
      { outboundTrafficPolicy: { mode: 'ALLOW_ANY', egressProxy: { host: 'a.b' } } },
      'spec.outboundTrafficPolicy.egressProxy',
      'unsupported-field',
    ],
    ['inboundConnectionPool', { inboundConnectionPool: {} }, 'spec.inboundConnectionPool', 'unsupported-field'],
    ['ingress of a namespace', { ingress: [{ port: http }] }, 'spec.workloadSelector', 'missing-field'],
    ['ingress without a port', { ...labels, ingress: [{}] }, 'spec.ingress[0].port', 'missing-field'],
    [
      'tls of an ingress',
      { ...labels, ingress: [{ port: http, tls: {} }] },
      'spec.ingress[0].tls',
      'unsupported-field',
    ],
    [
      'a connection pool of an ingress',
      { ...labels, ingress: [{ port: http, connectionPool: {} }] },
      'spec.ingress[0].connectionPool',
      'unsupported-field',
    ],
    [
      'another host',
      { ...labels, ingress: [{ port: http, defaultEndpoint: '10.0.0.1:80' }] },
      'spec.ingress[0].defaultEndpoint',
      'invalid-address',
    ],
    ['a field that it does not have', { colour: 'red' }, 'spec.colour', 'unknown-field'],
  ])('%s', (_name, spec, field, code) => {
    const { value, problems } = convert(spec);
    expect(value).toBeUndefined();
    expect(problems.map((problem) => `${problem.code} ${problem.field ?? ''}`)).toContain(`${code} ${field}`);
  });
});

it.each([
  ['127.0.0.1:8080', { kind: 'loopback', address: '127.0.0.1', port: 8080 }],
  ['[::1]:8080', { kind: 'loopback', address: '::1', port: 8080 }],
  ['0.0.0.0:8080', { kind: 'workload', port: 8080 }],
  ['unix:///run/app.sock', { kind: 'socket', path: '/run/app.sock' }],
])('the application listens at %s', (defaultEndpoint, endpoint) => {
  expect(convert({ ...labels, ingress: [{ port: http, defaultEndpoint }] }).value?.ingress).toMatchObject([
    { port: 9080, endpoint },
  ]);
});

it('the Sidecar that selects the workload comes before that of its namespace before that of the root namespace', () => {
  const all = [
    convert({}, 'root', 'istio-system'),
    convert(labels, 'selecting'),
    convert({}, 'whole'),
    convert(labels, 'root-selecting', 'istio-system'),
  ].flatMap(({ value }) => value ?? []);
  const { policies } = mesh({ policies: all });
  const holds = (namespace: string, app: string) =>
    sidecarFor({ namespace, labels: { app } }, policies, 'istio-system')?.name;
  expect(holds('sample', 'web')).toBe('selecting');
  expect(holds('sample', 'other')).toBe('whole');
  expect(holds('elsewhere', 'web')).toBe('root');
});

it('a host of a Sidecar stays as it is written, since it is never short for a service', () => {
  const { value } = convert({ egress: [{ hosts: ['sample/web', './web', '*/*.example.com'] }] });
  expect(value?.egress?.[0]?.hosts).toEqual([
    { namespace: 'sample', host: 'web' },
    { namespace: '.', host: 'web' },
    { namespace: '*', host: '*.example.com' },
  ]);
});
