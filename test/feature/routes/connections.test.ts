// What a VirtualService declares for connections is what a real Envoy does, beside an application and at a gateway.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hostname, objectKey } from '../../../discovery/model/names.ts';
import type { GatewayPolicy, TcpRoute, TlsRoute } from '../../../discovery/model/policy.ts';
import { generateAll } from '../../support/generate-all.ts';
import { destinationRule, endpoint, mesh, router, service, sidecar, virtualService } from '../../support/mesh-model.ts';
import { passInEnvoy, type ConnectionEnvoy } from './connections-in-envoy.ts';

const database = 'database.default.svc.cluster.local';
const secure = 'secure.default.svc.cluster.local';
const other = 'other.default.svc.cluster.local';
const anywhere = { destinationSubnets: [], sourceLabels: {}, gateways: [] };

const to = (host: string, changes: { subset?: string; port?: number; weight?: number } = {}) => {
  const { weight = 100, ...rest } = changes;
  return { destination: { host: hostname(host), ...rest }, weight };
};
const split: TcpRoute['destinations'] = [
  to(database, { subset: 'v1', weight: 70 }),
  to(database, { subset: 'v2', weight: 30 }),
];
const named = (sniHosts: readonly string[], ...destinations: TlsRoute['destinations']): TlsRoute => ({
  matches: [{ ...anywhere, sniHosts }],
  destinations,
});

const edge: GatewayPolicy = {
  kind: 'Gateway',
  source: objectKey('Gateway', 'default', 'edge'),
  name: 'edge',
  namespace: 'default',
  createdAtMs: 1,
  exportTo: [],
  selector: { istio: 'edge' },
  servers: [
    { port: 443, name: 'tls', protocol: 'tls', hosts: ['*.example.com'], tlsMode: 'passthrough' },
    { port: 9000, name: 'tcp', protocol: 'tcp', hosts: ['*'] },
  ],
};

const snapshot = mesh({
  services: [
    service('database', ['tcp:5000', 'tcp-plain:5001'], { addresses: { 'cluster-1': ['10.96.0.1'] } }),
    service('secure', ['tls:443'], { addresses: { 'cluster-1': ['10.96.0.2'] } }),
    service('other', ['tls:443'], { addresses: { 'cluster-1': ['10.96.0.3'] } }),
  ],
  endpoints: { [database]: [endpoint('cluster-1/network1', '10.1.0.1', { tcp: 5000 })] },
  policies: [
    edge,
    destinationRule('database', database, {
      subsets: ['v1', 'v2'].map((version) => ({ name: version, labels: { version }, trafficPolicy: {} })),
    }),
    virtualService('database', [database], [], {
      tcp: [
        { matches: [{ ...anywhere, port: 5001, destinationSubnets: ['10.97.0.0/16'] }], destinations: [to(secure)] },
        { matches: [{ ...anywhere, port: 5001, sourceSubnet: '192.0.2.0/24' }], destinations: [to(secure)] },
        { matches: [{ ...anywhere, port: 5001, sourceSubnet: '127.0.0.0/8' }], destinations: [to(other)] },
        { matches: [{ ...anywhere, port: 5000, sourceLabels: { app: 'nobody' } }], destinations: [to(other)] },
        { matches: [{ ...anywhere, port: 5000 }], destinations: split },
      ],
    }),
    virtualService('secure', [secure, '*.example.com'], [], {
      tls: [
        named(['a.example.com'], to(other)),
        named(['a.example.com', '*.deep.example.com'], to(database, { port: 5000, subset: 'v2' })),
      ],
    }),
    virtualService('edge', ['*.example.com'], [], {
      gateways: ['default/edge'],
      tls: [
        named(['a.example.com'], to(secure)),
        named(['*.example.com'], to(other, { weight: 50 }), to(secure, { weight: 50 })),
      ],
      tcp: [{ matches: [], destinations: [to(database, { port: 5000 })] }],
    }),
  ],
});

const cluster = (host: string, port: number, subset = '') => `outbound|${port}|${subset}|${host}`;

describe('beside an application', () => {
  let envoy: ConnectionEnvoy;
  beforeAll(async () => {
    const listeners = ['10.96.0.1_5000', '10.96.0.1_5001', '10.96.0.2_443'];
    envoy = await passInEnvoy(generateAll(sidecar(), snapshot), listeners);
  });
  afterAll(async () => envoy[Symbol.asyncDispose]());

  test('connections are split by weight', async () => {
    const reached: string[] = [];
    for (let round = 0; round < 20; round += 1) {
      reached.push(...(await Promise.all(Array.from({ length: 50 }, () => envoy.reach('10.96.0.1_5000')))));
    }
    const share = (subset: string) => reached.filter((name) => name === cluster(database, 5000, subset)).length / 10;
    expect(share('v1') + share('v2')).toBe(100);
    // Five standard deviations are 7.3 points.
    expect(Math.abs(share('v2') - 30)).toBeLessThan(7.3);
  });

  test('they are routed by where they come from and go, in order', async () => {
    expect(await envoy.reach('10.96.0.1_5001')).toBe(cluster(other, 443));
  });

  test('they are routed by server name, the first route that has it; others go to the service', async () => {
    expect(await envoy.reach('10.96.0.2_443', 'a.example.com')).toBe(cluster(other, 443));
    expect(await envoy.reach('10.96.0.2_443', 'x.deep.example.com')).toBe(cluster(database, 5000, 'v2'));
    expect(await envoy.reach('10.96.0.2_443', 'z.example.com')).toBe(cluster(secure, 443));
    expect(await envoy.reach('10.96.0.2_443')).toBe(cluster(secure, 443));
  });
});

describe('at a gateway', () => {
  let envoy: ConnectionEnvoy;
  beforeAll(async () => {
    const generated = generateAll(router({ labels: { istio: 'edge' } }), snapshot);
    envoy = await passInEnvoy(generated, ['0.0.0.0_443', '0.0.0.0_9000']);
  });
  afterAll(async () => envoy[Symbol.asyncDispose]());

  test('TLS is passed on by server name, and what no route is for is closed', async () => {
    expect(await envoy.reach('0.0.0.0_443', 'a.example.com')).toBe(cluster(secure, 443));
    const reached = await Promise.all(Array.from({ length: 40 }, () => envoy.reach('0.0.0.0_443', 'b.example.com')));
    expect(new Set(reached)).toEqual(new Set([cluster(secure, 443), cluster(other, 443)]));
    expect(await envoy.reach('0.0.0.0_443', 'a.example.org')).toBe('');
    expect(await envoy.reach('0.0.0.0_443')).toBe('');
  });

  test('TCP is passed on', async () => {
    expect(await envoy.reach('0.0.0.0_9000')).toBe(cluster(database, 5000));
  });
});
