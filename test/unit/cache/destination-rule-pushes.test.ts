// An edit of a DestinationRule changes its host's clusters and nothing of other hosts; assignments when it says other endpoints.

import { expect, test } from 'vitest';
import { MeshStore } from '../../../discovery/mesh/mesh-store.ts';
import { defaultMeshConfig } from '../../../discovery/model/mesh-config.ts';
import { clusterId } from '../../../discovery/model/names.ts';
import { generatedTypes, ResourceCache } from '../../../server/cache/resource-cache.ts';
import { resourcesOf } from '../../../server/cache/type-snapshot.ts';
import { typeUrls } from '../../../server/stream/type-rules.ts';
import {
  podManifest,
  policyManifest,
  serviceManifest,
  sliceManifest,
  type Manifest,
} from '../../support/kube-objects.ts';
import { sidecar } from '../../support/mesh-model.ts';
import { changed, deleted, syncedCluster } from '../discovery/cluster-scene.ts';

const types = [...generatedTypes, typeUrls.nameTable];
const { cluster: clusterType, endpoint: endpointType } = typeUrls;

const store80 = 'outbound|80||store.sample.svc.cluster.local';
const subset80 = 'outbound|80|v1|store.sample.svc.cluster.local';

function open() {
  const manifests = ['store', 'cart'].flatMap((name, index) => [
    serviceManifest(name, {
      clusterIP: `10.96.0.${String(index + 1)}`,
      ports: [{ name: 'http', port: 80, targetPort: 8080 }],
    }),
    podManifest(`pod-${String(index)}`, `10.1.0.${String(index + 1)}`, name, { labels: { version: 'v1' } }),
    podManifest(`other-${String(index)}`, `10.1.1.${String(index + 1)}`, name, { labels: { version: 'v2' } }),
    sliceManifest(`${name}-a`, name, [`10.1.0.${String(index + 1)}`, `10.1.1.${String(index + 1)}`]),
  ]);
  const registry = syncedCluster(manifests, { network: 'network1' });
  const store = new MeshStore({ primary: clusterId('cluster-1'), config: defaultMeshConfig, schedule: () => {} });
  store.add(registry);
  store.flush();
  const cache = new ResourceCache(store.snapshot);
  store.onChange((snapshot, change) => cache.update(snapshot, change));
  const proxy = sidecar({ namespace: 'sample' });
  const attachment = cache.attach(proxy, () => {});
  const held = () =>
    new Map(
      types.flatMap((type) =>
        [...resourcesOf(attachment.snapshot(type))].map(({ name, version }) => [`${type} ${name}`, version] as const),
      ),
    );
  /** Names of what is new, other or gone afterwards, by type. */
  const differences = (act: () => void): Record<string, string[]> => {
    const before = held();
    act();
    store.flush();
    const after = held();
    const found: Record<string, string[]> = {};
    for (const key of new Set([...before.keys(), ...after.keys()])) {
      if (before.get(key) === after.get(key)) continue;
      const space = key.indexOf(' ');
      const type = key.slice(0, space);
      found[type] = [...(found[type] ?? []), key.slice(space + 1)].toSorted();
    }
    return found;
  };
  const rule = (spec: Manifest, labels: Record<string, string> = {}) => {
    const manifest = policyManifest('DestinationRule', 'store', { host: 'store', ...spec }, { labels });
    return differences(() => registry.fold([changed(manifest)]));
  };
  const remove = () => differences(() => registry.fold([deleted('DestinationRule', 'store')]));
  return { rule, remove };
}

const limits = (maxConnections: number) => ({ trafficPolicy: { connectionPool: { tcp: { maxConnections } } } });
const v1 = { name: 'v1', labels: { version: 'v1' } };

test('a limit is one cluster, and the same rule again is nothing', () => {
  const { rule, remove } = open();
  expect(rule(limits(1))).toEqual({ [clusterType]: [store80] });
  expect(rule(limits(2))).toEqual({ [clusterType]: [store80] });
  expect(rule(limits(2), { team: 'blue' })).toEqual({});
  expect(remove()).toEqual({ [clusterType]: [store80] });
});

test('a subset comes with its cluster and its assignment, and goes with them', () => {
  const { rule } = open();
  rule(limits(1));
  const both = { [clusterType]: [subset80], [endpointType]: [subset80] };
  expect(rule({ ...limits(1), subsets: [v1] })).toEqual(both);
  expect(rule({ ...limits(1), subsets: [{ ...v1, ...limits(3) }] })).toEqual({ [clusterType]: [subset80] });
  expect(rule({ ...limits(1), subsets: [{ ...v1, labels: { version: 'v2' }, ...limits(3) }] })).toEqual({
    [endpointType]: [subset80],
  });
  expect(rule(limits(1))).toEqual(both);
});

test('endpoints are assigned anew when the rule ranks or weighs them otherwise, and for nothing else', () => {
  const { rule, remove } = open();
  const balanced = (localityLbSetting?: Manifest) =>
    rule({
      trafficPolicy: { loadBalancer: { simple: 'ROUND_ROBIN', ...(localityLbSetting && { localityLbSetting }) } },
    });
  const onlyCluster = { [clusterType]: [store80] };
  const onlyAssignment = { [endpointType]: [store80] };
  expect(balanced()).toEqual(onlyCluster);
  // Where no endpoint has a place all are the same.
  expect(balanced({})).toEqual({});
  expect(balanced({ failoverPriority: ['version=v2'] })).toEqual(onlyAssignment);
  expect(balanced({ failoverPriority: ['version=v1'] })).toEqual(onlyAssignment);
  expect(balanced()).toEqual(onlyAssignment);
  expect(rule({ trafficPolicy: { tls: { mode: 'ISTIO_MUTUAL' } } })).toEqual(onlyCluster);
  expect(remove()).toEqual(onlyCluster);
});
