import { expect, test } from 'vitest';
import { MeshStore } from '../../../discovery/mesh/mesh-store.ts';
import { defaultMeshConfig } from '../../../discovery/model/mesh-config.ts';
import { clusterId } from '../../../discovery/model/names.ts';
import { policiesMoveProxies } from '../../../server/view/policies-move-proxies.ts';
import { indexViews } from '../../../server/view/view-index.ts';
import { policyManifest, serviceManifest } from '../../support/kube-objects.ts';
import { changed, syncedCluster } from '../discovery/cluster-scene.ts';

/** Whether a policy of this kind, added and then edited, moves proxies each time. */
function moves(kind: string, specs: readonly unknown[]): readonly boolean[] {
  const registry = syncedCluster([serviceManifest('store', { ports: [{ name: 'http', port: 80 }] })]);
  const store = new MeshStore({ primary: clusterId('cluster-1'), config: defaultMeshConfig, schedule: () => {} });
  store.add(registry);
  store.flush();
  return specs.map((spec) => {
    const before = indexViews(store.snapshot);
    registry.fold([changed(policyManifest(kind, 'store', spec))]);
    store.flush();
    return policiesMoveProxies(before, indexViews(store.snapshot, before));
  });
}

const route = [{ destination: { host: 'store' } }];
const virtualService = (sourceLabels?: Record<string, string>) => ({
  hosts: ['store'],
  http: [{ ...(sourceLabels === undefined ? {} : { match: [{ sourceLabels }] }), route }],
});

test('routes to a service move nobody', () => {
  expect(moves('VirtualService', [virtualService(), virtualService()])).toEqual([false, false]);
});

test('routes that tell clients apart by a label move them when the label is new or no longer looked at', () => {
  const specs = [
    virtualService({ app: 'a' }),
    virtualService({ app: 'b' }),
    virtualService({ team: 'c' }),
    virtualService(),
  ];
  expect(moves('VirtualService', specs)).toEqual([true, false, true, true]);
});

test('limits of a service move nobody, localities that matter now do', () => {
  const limits = { host: 'store', trafficPolicy: { connectionPool: { tcp: { maxConnections: 1 } } } };
  const nearest = { host: 'store', trafficPolicy: { loadBalancer: { localityLbSetting: { enabled: true } } } };
  expect(moves('DestinationRule', [limits, nearest, nearest])).toEqual([false, true, false]);
});

test.each([
  ['PeerAuthentication', { mtls: { mode: 'STRICT' } }],
  ['AuthorizationPolicy', {}],
  ['Sidecar', { egress: [{ hosts: ['./*'] }] }],
])('a %s may move anybody', (kind, spec) => {
  expect(moves(kind, [spec])).toEqual([true]);
});

test('keys of token issuers that have been fetched may move anybody, whose policy stays what it was', () => {
  const keysAt = (jwksUri: string) => ({ jwtRules: [{ issuer: 'a', jwksUri }] });
  const registry = syncedCluster([
    policyManifest('RequestAuthentication', 'store', keysAt('https://issuer.example/keys')),
  ]);
  const store = new MeshStore({ primary: clusterId('cluster-1'), config: defaultMeshConfig, schedule: () => {} });
  store.add(registry);
  store.flush();
  const before = indexViews(store.snapshot);
  store.setTokenKeys(new Map([['https://issuer.example/keys', '{"keys":[]}']]));
  store.flush();
  expect(policiesMoveProxies(before, indexViews(store.snapshot, before))).toBe(true);
});
