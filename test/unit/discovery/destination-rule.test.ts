// What a DestinationRule that can't be obeyed is told: which field, and that nothing of it is taken.

import { describe, expect, test } from 'vitest';
import { convertDestinationRule } from '../../../discovery/policy/destination-rule.ts';
import { declaredRule } from '../../support/declared-rule.ts';
import { objectOf, policyManifest } from '../../support/kube-objects.ts';
import { clientTls } from '../../support/mesh-model.ts';

const read = (spec: object) =>
  convertDestinationRule(objectOf(policyManifest('DestinationRule', 'it', { host: 'one', ...spec })), {
    domain: 'cluster.local',
  });
const hash = (consistentHash: object) => ({ loadBalancer: { consistentHash } });
const locality = (localityLbSetting: object) => ({ loadBalancer: { localityLbSetting } });
const tls = (settings: object) => ({ tls: settings });

describe('a traffic policy is refused', () => {
  test.each<[string, string, object]>([
    [
      'loadBalancer',
      'conflicting-fields',
      { loadBalancer: { simple: 'RANDOM', consistentHash: { useSourceIp: true } } },
    ],
    ['loadBalancer.consistentHash', 'missing-field', hash({})],
    ['loadBalancer.consistentHash', 'missing-field', hash({ useSourceIp: false })],
    ['loadBalancer.consistentHash', 'conflicting-fields', hash({ useSourceIp: true, httpHeaderName: 'a' })],
    ['loadBalancer.consistentHash.httpHeaderName', 'invalid-header', hash({ httpHeaderName: 'a b' })],
    ['loadBalancer.consistentHash.httpCookie.name', 'missing-field', hash({ httpCookie: { ttl: '1s' } })],
    [
      'loadBalancer.consistentHash.httpCookie.ttl',
      'invalid-duration',
      hash({ httpCookie: { name: 'a', ttl: 'soon' } }),
    ],
    ['loadBalancer.consistentHash', 'conflicting-fields', hash({ useSourceIp: true, ringHash: {}, maglev: {} })],
    [
      'loadBalancer.consistentHash.maglev.tableSize',
      'invalid-value',
      hash({ useSourceIp: true, maglev: { tableSize: 9 } }),
    ],
    [
      'loadBalancer.consistentHash.maglev.tableSize',
      'out-of-range',
      hash({ useSourceIp: true, maglev: { tableSize: 9e6 } }),
    ],
    ['loadBalancer.consistentHash.ringHash.size', 'unknown-field', hash({ useSourceIp: true, ringHash: { size: 1 } })],
    ['loadBalancer', 'conflicting-fields', { loadBalancer: { simple: 'RANDOM', warmup: { duration: '1s' } } }],
    ['loadBalancer.warmup.duration', 'missing-field', { loadBalancer: { warmup: {} } }],
    [
      'loadBalancer.warmup.aggression',
      'out-of-range',
      { loadBalancer: { warmup: { duration: '1s', aggression: 0.5 } } },
    ],
    [
      'loadBalancer.localityLbSetting.distribute[0].to',
      'invalid-value',
      locality({ distribute: [{ from: '*', to: { a: 99 } }] }),
    ],
    [
      'loadBalancer.localityLbSetting.distribute[0].from',
      'invalid-value',
      locality({ distribute: [{ from: 'a/*/b', to: { a: 100 } }] }),
    ],
    [
      'loadBalancer.localityLbSetting.failover[0].to',
      'invalid-value',
      locality({ failover: [{ from: 'a', to: 'a' }] }),
    ],
    [
      'loadBalancer.localityLbSetting.failover[0].from',
      'invalid-value',
      locality({ failover: [{ from: 'a/b', to: 'c' }] }),
    ],
    ['loadBalancer.localityLbSetting.failoverPriority[0]', 'invalid-value', locality({ failoverPriority: ['=a'] })],
    ['connectionPool.tcp.maxConnections', 'out-of-range', { connectionPool: { tcp: { maxConnections: -1 } } }],
    [
      'connectionPool.tcp.tcpKeepalive.time',
      'invalid-duration',
      { connectionPool: { tcp: { tcpKeepalive: { time: '1ms' } } } },
    ],
    ['connectionPool.http.h2UpgradePolicy', 'invalid-value', { connectionPool: { http: { h2UpgradePolicy: 'YES' } } }],
    ['connectionPool.http.maxStreams', 'unknown-field', { connectionPool: { http: { maxStreams: 1 } } }],
    ['outlierDetection.maxEjectionPercent', 'out-of-range', { outlierDetection: { maxEjectionPercent: 101 } }],
    ['outlierDetection.interval', 'invalid-duration', { outlierDetection: { interval: '0s' } }],
    ['tls.clientCertificate', 'missing-field', tls({ mode: 'MUTUAL', privateKey: '/key' })],
    ['tls.clientCertificate', 'conflicting-fields', tls({ mode: 'SIMPLE', clientCertificate: '/a' })],
    ['tls.caCertificates', 'invalid-value', tls({ mode: 'SIMPLE', caCertificates: 'ca.crt' })],
    ['tls.privateKey', 'invalid-value', tls({ mode: 'MUTUAL', clientCertificate: '/a', privateKey: '/b~c' })],
    ['tls.caCertificates', 'conflicting-fields', tls({ mode: 'ISTIO_MUTUAL', caCertificates: '/a' })],
    [
      'tls.caCertificates',
      'conflicting-fields',
      tls({ mode: 'SIMPLE', caCertificates: '/a', insecureSkipVerify: true }),
    ],
    ['tls.subjectAltNames', 'conflicting-fields', tls({ mode: 'DISABLE', subjectAltNames: ['a'] })],
    ['tls.credentialName', 'unsupported-field', tls({ mode: 'SIMPLE', credentialName: 'a' })],
    ['proxyProtocol', 'unsupported-field', { proxyProtocol: { version: 'V1' } }],
    ['retryBudget.percent', 'out-of-range', { retryBudget: { percent: 101 } }],
    ['tunnel.targetPort', 'missing-field', { tunnel: { targetHost: 'a' } }],
    ['portLevelSettings[0].port.number', 'missing-field', { portLevelSettings: [{ tls: { mode: 'DISABLE' } }] }],
    [
      'portLevelSettings[1].port.number',
      'duplicate-port',
      { portLevelSettings: [{ port: { number: 1 } }, { port: { number: 1 } }] },
    ],
  ])('because of %s: %s', (field, code, trafficPolicy) => {
    const { value, problems } = read({ trafficPolicy });
    expect(value).toBeUndefined();
    expect(problems).toContainEqual(expect.objectContaining({ code, field: `spec.trafficPolicy.${field}` }));
    for (const { message } of problems) expect(message).toMatch(/: .+until then the DestinationRule is not taken/);
  });
});

test("settings of a port may be a subset's, and a rule may be for some workloads", () => {
  const rule = declaredRule('it', {
    host: 'one',
    workloadSelector: { matchLabels: { app: 'sleep' } },
    subsets: [
      {
        name: 'v1',
        labels: { version: 'v1' },
        trafficPolicy: { portLevelSettings: [{ port: { number: 80 }, tls: { mode: 'DISABLE' } }] },
      },
    ],
  });
  expect(rule.workloadSelector).toEqual({ app: 'sleep' });
  expect(rule.subsets[0]?.portPolicies).toEqual(new Map([[80, { tls: clientTls('disable') }]]));
});

test('a selector without labels is for everybody', () => {
  expect(declaredRule('it', { host: 'one', workloadSelector: {} }).workloadSelector).toBeUndefined();
});

test('limits of 0 are none', () => {
  const { trafficPolicy } = declaredRule('it', {
    host: 'one',
    trafficPolicy: { connectionPool: { tcp: { maxConnections: 0 }, http: { maxRetries: 0 } } },
  });
  expect(trafficPolicy).toEqual({ connectionPool: {} });
});
