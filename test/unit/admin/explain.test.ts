// `why`: what is said of a host, its routes and each of its endpoints.

import { expect, test } from 'vitest';
import { networkId } from '../../../discovery/model/names.ts';
import type { MeshSnapshot } from '../../../discovery/model/mesh-snapshot.ts';
import type { Proxy } from '../../../server/proxy/proxy.ts';
import { explain, parseTarget } from '../../../server/admin/explain.ts';
import type { WhyEndpoints, WhyReport } from '../../../server/admin/why-report.ts';
import { findSource } from '../../../server/admin/why-source.ts';
import { renderWhy } from '../../../server/admin/why-text.ts';
import {
  aClusterStatus,
  aDestinationRule,
  aMesh,
  anEndpoint,
  anHttpMatch,
  anHttpRoute,
  aProxy,
  aReader,
  aService,
  aVirtualService,
  cluster1,
  cluster2,
  gateway1,
  helloworld,
  network1,
  type MeshParts,
} from '../../feature/admin/two-regions.ts';
import { clientTls } from '../../support/mesh-model.ts';

function ask(mesh: MeshSnapshot, to: string, proxy: Proxy = aProxy()): WhyReport {
  const target = parseTarget(to);
  if (target === undefined) throw new Error(`not a target: ${to}`);
  const clusters = [aClusterStatus(cluster1), aClusterStatus(cluster2)];
  return explain({ mesh, clusters, source: { proxy, connected: true }, target });
}

const withEndpoints = (...endpoints: Parameters<typeof anEndpoint>[]): MeshParts => ({
  endpoints: [[helloworld, endpoints.map((each) => anEndpoint(...each))]],
});

const groupsOf = (report: WhyReport): readonly WhyEndpoints[] =>
  report.ports.flatMap((port) => port.routes.flatMap((route) => route.destinations.flatMap((one) => one.endpoints)));

test('an endpoint of the own network is used directly, one of another through its gateway, half each', () => {
  const report = ask(aMesh(), 'helloworld:5000');

  expect(report.verdict).toBe('reachable');
  expect(report.to).toStrictEqual({ asked: 'helloworld:5000', host: helloworld, port: 5000 });
  expect(groupsOf(report)).toMatchObject([
    { clusterId: 'cluster-1', outcome: 'direct', percent: 50, addresses: ['10.10.0.2'] },
    { clusterId: 'cluster-2', outcome: 'gateway', percent: 50, gateways: ['192.0.2.2:15443'] },
  ]);
  expect(report.ports[0]?.routes[0]?.shares).toStrictEqual([
    { clusterId: 'cluster-1', percent: 50 },
    { clusterId: 'cluster-2', percent: 50 },
  ]);
});

test('shares follow the number of endpoints, not of gateways', () => {
  const mesh = aMesh(
    withEndpoints(['10.10.0.2', cluster1], ['10.20.0.2', cluster2], ['10.20.0.3', cluster2], ['10.20.0.4', cluster2]),
  );

  expect(ask(mesh, 'helloworld').ports[0]?.routes[0]?.shares).toStrictEqual([
    { clusterId: 'cluster-1', percent: 25 },
    { clusterId: 'cluster-2', percent: 75 },
  ]);
});

test('endpoints of a network without a gateway are left out, and the remedy is named', () => {
  const mesh = aMesh({ ...withEndpoints(['10.20.0.2', cluster2]), gateways: new Map([[network1, [gateway1]]]) });

  const report = ask(mesh, 'helloworld');

  expect(report.verdict).toBe('no-endpoints');
  expect(groupsOf(report)).toMatchObject([{ outcome: 'no-gateway', percent: 0, count: 1 }]);
  expect(report.summary).toContain('topology.istio.io/network=network2');
});

test.for([
  ['not ready', { health: 'unhealthy' }, 'not-ready'],
  ['without a sidecar on another network', { tlsMode: 'disabled' }, 'no-mtls-across-networks'],
  ['without the port', { ports: { grpc: 9000 } }, 'port-not-served'],
] as const)('an endpoint that is %s is left out for that reason', ([, overrides, outcome]) => {
  const mesh = aMesh(withEndpoints(['10.10.0.2', cluster1], ['10.20.0.2', cluster2, overrides]));

  const report = ask(mesh, 'helloworld');

  expect(report.verdict).toBe('reachable');
  expect(groupsOf(report)).toMatchObject([
    { clusterId: 'cluster-1', percent: 100 },
    { clusterId: 'cluster-2', percent: 0, outcome },
  ]);
});

test('a draining endpoint of the own network gets no share', () => {
  const mesh = aMesh(withEndpoints(['10.10.0.2', cluster1, { health: 'draining' }], ['10.10.0.3', cluster1]));

  expect(groupsOf(ask(mesh, 'helloworld'))).toMatchObject([
    { outcome: 'direct', percent: 100, addresses: ['10.10.0.3'] },
    { outcome: 'draining', percent: 0, addresses: ['10.10.0.2'] },
  ]);
});

test('of two clusters that give one address on one network the first is used and the other is said to be a duplicate', () => {
  const mesh = aMesh(withEndpoints(['10.10.0.2', cluster1], ['10.10.0.2', cluster2, { network: network1 }]));

  expect(groupsOf(ask(mesh, 'helloworld'))).toMatchObject([
    { clusterId: 'cluster-1', outcome: 'direct' },
    { clusterId: 'cluster-2', outcome: 'duplicate-address' },
  ]);
});

test('a cluster-local service keeps to its own cluster', () => {
  const mesh = aMesh({ services: [aService('helloworld', { clusterLocal: true })] });

  expect(groupsOf(ask(mesh, 'helloworld'))).toMatchObject([
    { clusterId: 'cluster-1', outcome: 'direct', percent: 100 },
    { clusterId: 'cluster-2', outcome: 'cluster-local', percent: 0 },
  ]);
});

test('turning mesh mTLS off for a host cuts it from other networks, and the report says so', () => {
  const rule = aDestinationRule({ trafficPolicy: { tls: clientTls('disable') } });

  const groups = groupsOf(ask(aMesh({ destinationRules: [rule] }), 'helloworld'));

  expect(groups[1]).toMatchObject({ clusterId: 'cluster-2', percent: 0 });
  expect(groups[1]?.explanation).toContain('turned off for this destination');
});

test('a canary rule gives each cluster what its versions get', () => {
  const split = [
    { destination: { host: helloworld, subset: 'v1' }, weight: 90 },
    { destination: { host: helloworld, subset: 'v2' }, weight: 10 },
  ];
  const mesh = aMesh({
    virtualServices: [aVirtualService([anHttpRoute({ destinations: split })])],
    destinationRules: [aDestinationRule()],
  });

  const report = ask(mesh, 'helloworld');
  const [port] = report.ports;
  const [route] = port?.routes ?? [];

  expect(port?.virtualService).toBe('VirtualService/default/canary');
  expect(route?.shares).toStrictEqual([
    { clusterId: 'cluster-1', percent: 90 },
    { clusterId: 'cluster-2', percent: 10 },
  ]);
  expect(route?.destinations.map((one) => [one.envoyCluster, one.destinationRule])).toStrictEqual([
    [`outbound|5000|v1|${helloworld}`, 'DestinationRule/default/versions'],
    [`outbound|5000|v2|${helloworld}`, 'DestinationRule/default/versions'],
  ]);
  expect(route?.destinations[0]?.endpoints).toMatchObject([{ outcome: 'direct' }, { outcome: 'not-in-subset' }]);
});

test('a subset that no rule declares is the problem of that destination', () => {
  const destinations = [{ destination: { host: helloworld, subset: 'v3' }, weight: 100 }];
  const mesh = aMesh({
    virtualServices: [aVirtualService([anHttpRoute({ destinations })])],
    destinationRules: [aDestinationRule()],
  });

  const report = ask(mesh, 'helloworld');

  expect(report.verdict).toBe('no-endpoints');
  expect(report.summary).toContain('subset v3 is not declared: DestinationRule/default/versions does not have it');
});

test('a route for other callers is shown as skipped, and why', () => {
  const destinations = [{ destination: { host: helloworld }, weight: 100 }];
  const http = [
    anHttpRoute({ name: 'testers', matches: [anHttpMatch({ sourceLabels: { team: 'test' } })], destinations }),
    anHttpRoute({ name: 'rest', destinations }),
  ];

  const [port] = ask(aMesh({ virtualServices: [aVirtualService(http)] }), 'helloworld').ports;

  expect(port?.routes).toMatchObject([
    { name: 'testers', skipped: 'it is for callers labelled team=test' },
    { name: 'rest' },
  ]);
  expect(port?.routes[1]?.skipped).toBeUndefined();
});

test('an unknown host is met with near misses and with what happens to its requests', () => {
  const report = ask(aMesh(), 'helloworl.default');

  expect(report).toMatchObject({ verdict: 'unknown-host', suggestions: [helloworld], ports: [] });
  expect(report.summary).toContain('ALLOW_ANY');
});

test('an address that a service has in another cluster alone is told as that, with the one to use', () => {
  const services = [
    aService('helloworld', {
      addresses: new Map([
        [cluster1, ['10.96.0.10']],
        [cluster2, ['10.97.0.10']],
      ]),
      allocatedAddresses: ['240.240.0.2'],
    }),
    aService('remote', { addresses: new Map([[cluster2, ['10.97.0.11']]]), allocatedAddresses: ['240.240.0.1'] }),
  ];
  const mesh = aMesh({ services });

  expect(ask(mesh, '10.96.0.10:5000').verdict).toBe('reachable');
  expect(ask(mesh, '10.97.0.10:5000')).toMatchObject({
    verdict: 'not-visible',
    summary: expect.stringContaining(
      `of ${helloworld} in cluster-2 alone; in cluster-1 it is 10.96.0.10. Requests pass`,
    ),
  });
  expect(ask(mesh, '240.240.0.2:5000').summary).toMatch(/was allocated to .*; in cluster-1 it is 10\.96\.0\.10\./);
  expect(ask(mesh, '240.240.0.1:5000').to).toMatchObject({ host: 'remote.default.svc.cluster.local' });
  expect(ask(mesh, '240.240.0.9:5000').summary).toContain('No service has the address 240.240.0.9');
});

test('an unknown port is met with those that there are', () => {
  const report = ask(aMesh(), 'helloworld:9');

  expect(report.verdict).toBe('unknown-port');
  expect(report.summary).toContain('5000 (http)');
});

test('a host that is not exported to the namespace of the caller is said to be so', () => {
  const report = ask(aMesh({ services: [aService('helloworld', { exportTo: ['billing'] })] }), 'helloworld');

  expect(report.verdict).toBe('not-visible');
  expect(report.summary).toContain('exported to billing');
});

test.for([
  ['helloworld', { host: 'helloworld' }],
  ['helloworld.default:5000', { host: 'helloworld.default', port: 5000 }],
  ['a:b:c', undefined],
  ['helloworld:0', undefined],
  ['helloworld:70000', undefined],
  ['<script>', undefined],
] as const)('the target %s is read as %o', ([text, expected]) => {
  expect(parseTarget(text)).toStrictEqual(expected);
});

test('the caller may be a connected proxy, a workload by the start of its pod name, or a pod that is not connected', () => {
  const workload = {
    identity: anEndpoint('10.10.0.9', cluster1).workload,
    addresses: ['10.10.0.9'],
    labels: {},
    locality: { region: '', zone: '', subzone: '' },
    network: networkId('network1'),
    tlsMode: 'istio',
    namedPorts: {},
  } as const;
  const reader = aReader({ mesh: () => aMesh({ workloads: [workload] }) });

  expect(findSource(reader, 'sleep-1.default')).toMatchObject({ connected: true });
  expect(findSource(reader, 'sleep.default')).toMatchObject({ connected: true, proxy: { name: 'sleep-1' } });
  expect(findSource(reader, 'helloworld-10.10.0.9.default')).toMatchObject({
    connected: false,
    proxy: { network: 'network1', addresses: ['10.10.0.9'] },
  });
  expect(findSource(reader, 'helloworld.default')).toMatchObject({ connected: false });
  expect(findSource(reader, 'sleep.billing')).toBeUndefined();
});

test('the text for people has the verdict first and one line for each fate', () => {
  const text = renderWhy(ask(aMesh(), 'helloworld:5000'));

  expect(text.split('\n')[0]).toBe(
    `reachable: ${helloworld} is reachable; port 5000: 50 % to cluster-1, 50 % to cluster-2.`,
  );
  expect(text).toMatch(/50 % +cluster-2 +network2 +1 +0 +on network2, reached through its gateway 192\.0\.2\.2:15443/);
});
