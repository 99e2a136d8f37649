// What a Sidecar keeps from a proxy costs nothing: no resource, and no work when it changes.

import { beforeEach, describe, expect, test } from 'vitest';
import { MeshStore } from '../../../discovery/mesh/mesh-store.ts';
import { defaultMeshConfig, noMeshNetworks } from '../../../discovery/model/mesh-config.ts';
import { clusterId, networkId } from '../../../discovery/model/names.ts';
import { ClusterRegistry } from '../../../discovery/registry/cluster-registry.ts';
import { Cluster } from '../../../proto/generated/envoy.config.cluster.v3.ts';
import { ResourceCache } from '../../../server/cache/resource-cache.ts';
import { sizeOf } from '../../../server/cache/type-snapshot.ts';
import { objectOf, policyManifest, serviceManifest, sliceManifest, type Manifest } from '../../support/kube-objects.ts';
import { sidecar } from '../../support/mesh-model.ts';

const namespaces = 20;
const servicesEach = 10;

function world() {
  const store = new MeshStore({ primary: clusterId('cluster-1'), config: defaultMeshConfig, schedule: () => {} });
  const registry = new ClusterRegistry({
    clusterId: clusterId('cluster-1'),
    mode: 'primary',
    source: { description: 'test', scope: 'primary', run: () => Promise.resolve() },
    network: networkId('network1'),
    config: defaultMeshConfig,
    meshNetworks: noMeshNetworks,
    now: () => 0,
  });
  registry.fold([{ kind: 'connected' }, { kind: 'synced' }]);
  store.add(registry);
  let encoded = 0;
  const cache = new ResourceCache(store.snapshot, () => (encoded += 1));
  store.onChange((snapshot, change) => cache.update(snapshot, change));
  const put = (...manifests: readonly Manifest[]): void => {
    registry.fold(manifests.map((manifest) => ({ kind: 'changed', object: objectOf(manifest) })));
    store.flush();
  };
  const encodedBy = (...manifests: readonly Manifest[]): number => {
    encoded = 0;
    put(...manifests);
    return encoded;
  };
  return { cache, put, encodedBy };
}

const shop = (index: number): string => `shop-${index}`;
const slice = (namespace: string, name: string, addresses: readonly string[]): Manifest =>
  sliceManifest(`${name}-a`, name, addresses, { namespace });
const limited = (namespace: string, hosts: readonly string[], name = 'default'): Manifest =>
  policyManifest('Sidecar', name, { egress: [{ hosts }] }, { namespace });

describe('with a Sidecar a namespace', () => {
  let mesh: ReturnType<typeof world>;
  let told: string[];
  beforeEach(() => {
    mesh = world();
    for (let index = 0; index < namespaces; index += 1) {
      const own = Array.from({ length: servicesEach }, (_, number) => [
        serviceManifest(`svc-${number}`, { clusterIP: `10.96.${index}.${number + 1}` }, { namespace: shop(index) }),
        slice(shop(index), `svc-${number}`, [`10.1.${index}.${number + 1}`]),
      ]);
      mesh.put(limited(shop(index), ['./*']), ...own.flat());
    }
    told = [];
    for (let index = 0; index < namespaces; index += 1) {
      for (const replica of [1, 2]) {
        const proxy = sidecar({ namespace: shop(index), addresses: [`10.2.${index}.${replica}`] });
        mesh.cache.attach(proxy, () => told.push(`${shop(index)}/${replica}`));
      }
    }
  });

  test('replicas share a class, and it has the hosts of its namespace alone', () => {
    expect(mesh.cache.classCount).toBe(namespaces);
    const proxy = sidecar({ namespace: shop(0), addresses: ['10.2.0.3'] });
    const attachment = mesh.cache.attach(proxy, () => undefined);
    expect(mesh.cache.classCount).toBe(namespaces);
    // Each host, BlackHoleCluster, PassthroughCluster, InboundPassthroughCluster.
    expect(sizeOf(attachment.snapshot(Cluster.typeUrl))).toBe(servicesEach + 3);
  });

  test('an endpoint change is encoded once, for the one class that sees the host', () => {
    expect(mesh.encodedBy(slice(shop(7), 'svc-0', ['10.1.7.1', '10.1.7.99']))).toBe(1);
    expect(told).toEqual([`${shop(7)}/1`, `${shop(7)}/2`]);
  });

  test('what changes outside every scope is encoded by nobody and pushed to nobody', () => {
    const other = { namespace: 'elsewhere' };
    expect(
      mesh.encodedBy(
        serviceManifest('far', { clusterIP: '10.97.0.1' }, other),
        slice('elsewhere', 'far', ['10.9.0.1']),
      ),
    ).toBe(0);
    expect(mesh.encodedBy(slice('elsewhere', 'far', ['10.9.0.1', '10.9.0.2']))).toBe(0);
    expect(mesh.encodedBy(policyManifest('DestinationRule', 'far', { host: 'far' }, other))).toBe(0);
    expect(told).toEqual([]);
  });

  test('a host that a Sidecar adds is there, and goes with it', () => {
    const proxy = sidecar({ namespace: shop(3), addresses: ['10.2.3.9'] });
    const attachment = mesh.cache.attach(proxy, () => undefined);
    mesh.put(limited(shop(3), ['./*', `${shop(4)}/svc-1.${shop(4)}.svc.cluster.local`]));
    expect(sizeOf(attachment.snapshot(Cluster.typeUrl))).toBe(servicesEach + 1 + 3);
    mesh.put(limited(shop(3), ['./*']));
    expect(sizeOf(attachment.snapshot(Cluster.typeUrl))).toBe(servicesEach + 3);
    mesh.put(limited(shop(3), ['~/*']));
    expect(sizeOf(attachment.snapshot(Cluster.typeUrl))).toBe(3);
    mesh.put(limited(shop(3), ['*/*']));
    expect(sizeOf(attachment.snapshot(Cluster.typeUrl))).toBe(namespaces * servicesEach + 3);
  });

  test('a host that a route of an imported VirtualService leads to is there while the route is', () => {
    const attachment = mesh.cache.attach(sidecar({ namespace: shop(3), addresses: ['10.2.3.9'] }), () => undefined);
    const far = `svc-2.${shop(9)}.svc.cluster.local`;
    const route = (host: string): Manifest =>
      policyManifest(
        'VirtualService',
        'route',
        { hosts: ['svc-0'], http: [{ route: [{ destination: { host } }] }] },
        { namespace: shop(3) },
      );
    mesh.put(route(far));
    expect(sizeOf(attachment.snapshot(Cluster.typeUrl))).toBe(servicesEach + 1 + 3);
    mesh.put(route('svc-1'));
    expect(sizeOf(attachment.snapshot(Cluster.typeUrl))).toBe(servicesEach + 3);
  });

  test('more replicas than a slice has are all told of a change, each once, and read what is newest', async () => {
    const replicas = 700;
    const addresses = Array.from({ length: replicas }, (_, index) => `10.3.${Math.floor(index / 250)}.${index % 250}`);
    const heard = new Map<string, number>();
    const attached = addresses.map((address) => {
      const proxy = sidecar({ namespace: shop(0), addresses: [address] });
      return mesh.cache.attach(proxy, () => heard.set(address, (heard.get(address) ?? 0) + 1));
    });
    mesh.put(slice(shop(0), 'svc-3', ['10.1.0.4', '10.1.0.90']));
    expect(mesh.cache.waitingCount).toBeGreaterThan(0);
    attached.at(-1)?.detach();
    await expect.poll(() => mesh.cache.waitingCount).toBe(0);
    expect(heard.size).toBe(replicas - 1);
    expect(new Set(heard.values())).toEqual(new Set([1]));
  });
});
