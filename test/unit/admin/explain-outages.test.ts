// What `why` and the network list say during an outage.

import { expect, test } from 'vitest';
import type { MeshSnapshot } from '../../../discovery/model/mesh-snapshot.ts';
import { explain } from '../../../server/admin/explain.ts';
import { networkList } from '../../../server/admin/network-list.ts';
import type { WhyEndpoints, WhyReport } from '../../../server/admin/why-report.ts';
import { renderWhy } from '../../../server/admin/why-text.ts';
import {
  aClusterStatus,
  aMesh,
  aProxy,
  aReader,
  cluster1,
  cluster2,
  gateway1,
  gateway2,
  helloworld,
  network1,
  network2,
} from '../../feature/admin/two-regions.ts';

/** As sleep in cluster-1 asks for helloworld, which has one endpoint in each of two clusters. */
function ask(changes: Partial<MeshSnapshot>): WhyReport {
  return explain({
    mesh: { ...aMesh(), ...changes },
    clusters: [aClusterStatus(cluster1), aClusterStatus(cluster2, { phase: 'stale' })],
    source: { proxy: aProxy(), connected: true },
    target: { host: helloworld },
  });
}

const groupsOf = (report: WhyReport): readonly WhyEndpoints[] =>
  report.ports.flatMap((port) => port.routes.flatMap((route) => route.destinations.flatMap((one) => one.endpoints)));

test('endpoints of a degraded cluster get no share while there are others, and the reason is named', () => {
  const report = ask({ degradedClusters: new Set([cluster2]) });
  expect(groupsOf(report)).toMatchObject([
    { clusterId: 'cluster-1', percent: 100 },
    { clusterId: 'cluster-2', percent: 0, outcome: 'gateway' },
  ]);
  expect(groupsOf(report)[1]?.explanation).toContain('not heard for too long: used only when no others are left');
  expect(renderWhy(report)).toContain('cluster-2 (stale, degraded)');
});

test('endpoints of a degraded cluster get everything when there are no others', () => {
  const all = aMesh().endpoints.get(helloworld) ?? [];
  const far = all.filter(({ clusterId }) => clusterId === cluster2);
  const report = ask({ degradedClusters: new Set([cluster2]), endpoints: aMesh().endpoints.with([[helloworld, far]]) });
  expect(report.verdict).toBe('reachable');
  expect(groupsOf(report)).toMatchObject([{ clusterId: 'cluster-2', percent: 100 }]);
  expect(groupsOf(report)[0]?.explanation).toContain('but no others are left');
});

test('a service whose only endpoints were dropped says so', () => {
  const report = ask({
    droppedClusters: new Set([cluster2]),
    endpoints: aMesh().endpoints.with([[helloworld, undefined]]),
  });
  expect(report.verdict).toBe('no-endpoints');
  expect(report.summary).toContain('The endpoints of cluster-2 were dropped (--stale-policy drop)');
  expect(renderWhy(report)).toContain('cluster-2 (stale, dropped)');
});

test('a network whose gateways are all dead is told apart from one that has none', () => {
  const report = ask({
    gateways: new Map([[network1, [gateway1]]]),
    deadGateways: new Map([[network2, [gateway2]]]),
  });
  const [, far] = groupsOf(report);
  expect(far).toMatchObject({ clusterId: 'cluster-2', outcome: 'no-gateway', percent: 0 });
  expect(far?.explanation).toContain('no gateway of it answers any more (192.0.2.2:15443)');
  expect(far?.explanation).not.toContain('label its east-west gateway');
});

test('a dead gateway beside one that is alive is named where the other is used', () => {
  const other = { ...gateway2, address: '192.0.2.3' };
  const report = ask({ deadGateways: new Map([[network2, [other]]]) });
  expect(groupsOf(report)[1]).toMatchObject({ outcome: 'gateway', gateways: ['192.0.2.2:15443'], percent: 50 });
  expect(groupsOf(report)[1]?.explanation).toContain('without 192.0.2.3:15443, which does not answer any more');
});

test('the network list has dead gateways too, with what probing says', () => {
  const mesh = { ...aMesh(), gateways: new Map(), deadGateways: new Map([[network2, [gateway2]]]) };
  const probe = { verdict: 'unreachable', since: '2026-01-02T03:04:05Z', lastError: 'ECONNREFUSED' } as const;
  const list = networkList(aReader({ mesh: () => mesh, gatewayProbe: () => probe }));
  expect(list.find(({ network }) => network === network2)?.gateways).toStrictEqual([
    { clusterId: 'cluster-2', address: '192.0.2.2', port: 15443, inUse: false, probe },
  ]);
});
