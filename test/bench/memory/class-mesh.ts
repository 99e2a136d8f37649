// A mesh of one region that hears of services elsewhere, inside the process that measures it: services with five pods each, in
// the region itself or in another one behind its gateways. In: numbers. Out: a cache that serves it, and proxies to attach.

import { MeshStore } from '../../../discovery/mesh/mesh-store.ts';
import { defaultMeshConfig } from '../../../discovery/model/mesh-config.ts';
import { clusterId, networkId } from '../../../discovery/model/names.ts';
import { ClusterRegistry } from '../../../discovery/registry/cluster-registry.ts';
import { ResourceCache } from '../../../server/cache/resource-cache.ts';
import type { Proxy } from '../../../server/proxy/proxy.ts';
import type { TestObject } from '../../support/kube-api.ts';
import { objectOf } from '../../support/kube-objects.ts';
import { sidecar } from '../../support/mesh-model.ts';
import { clusterIpOf, namespace, namespaceObjects, serviceObject } from '../manifests.ts';
import { foundationOf, podAddress, serviceObjects } from '../regions/region-objects.ts';

export const podsPerService = 5;

export interface ClassMesh {
  readonly cache: ResourceCache;
  readonly store: MeshStore;
}

/** `where` the pods are: in the region of the proxies, all in another one, or a fifth in each of five others. */
export type PodPlace = 'own' | 'other' | 'spread';

export function openClassMesh({ services, where }: { readonly services: number; readonly where: PodPlace }): ClassMesh {
  const store = new MeshStore({
    primary: clusterId('region-0'),
    config: defaultMeshConfig,
    schedule: () => undefined,
  });
  const cache = new ResourceCache(store.snapshot);
  store.onChange((snapshot, change) => cache.update(snapshot, change));
  const indexes = Array.from({ length: services }, (_, index) => index);
  store.add(registryOf(0, ownObjects(indexes, where)));
  const others = { own: 0, other: 1, spread: podsPerService }[where];
  for (let region = 1; region <= others; region += 1) {
    const [network, gateway] = [`network${region}`, `192.0.2.${region}`];
    const size = { services, endpoints: podsPerService / others };
    const objects = indexes.flatMap((index) => serviceObjects(index, size, { index: region, network, gateway }));
    store.add(registryOf(region, [...foundationOf({ index: region, network, gateway }), ...objects]));
  }
  store.flush();
  return { cache, store };
}

/** Each of a namespace of its own, which nothing but the namespace tells apart. */
export function proxyOfClass(index: number): Proxy {
  return sidecar({
    namespace: `team-${index}`,
    addresses: [`10.200.0.${index + 1}`],
    clusterId: clusterId('region-0'),
    network: networkId('network0'),
  });
}

/** One of the pods of a service, where the region itself has them: what it receives is its service's. */
export function proxyOfService(index: number): Proxy {
  const labels = { app: `svc-${index}` };
  return { ...proxyOfClass(0), namespace, labels, addresses: [podAddress(index, 0)] };
}

function ownObjects(indexes: readonly number[], where: PodPlace): readonly TestObject[] {
  const region = { index: 0, network: 'network0', gateway: '192.0.2.100' };
  if (where === 'own') {
    const size = { services: indexes.length, endpoints: podsPerService };
    return [...foundationOf(region), ...indexes.flatMap((index) => serviceObjects(index, size, region))];
  }
  return [...namespaceObjects(region.network), ...indexes.map((index) => serviceObject(index, clusterIpOf(index)))];
}

function registryOf(region: number, objects: readonly TestObject[]): ClusterRegistry {
  const registry = new ClusterRegistry({
    clusterId: clusterId(`region-${region}`),
    mode: region === 0 ? 'primary' : 'discovery-only',
    source: {
      description: namespace,
      scope: region === 0 ? 'primary' : 'discovery-only',
      run: () => Promise.resolve(),
    },
    network: networkId(`network${region}`),
    config: defaultMeshConfig,
    meshNetworks: { networks: [] },
    now: () => 0,
  });
  registry.fold([
    { kind: 'connected' },
    ...objects.map((object) => ({ kind: 'changed' as const, object: objectOf({ ...object }) })),
    { kind: 'synced' },
  ]);
  return registry;
}
