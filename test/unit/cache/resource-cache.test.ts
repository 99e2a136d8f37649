// The cache against the simplest thing that is right: generating everything again.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MeshStore } from '../../../discovery/mesh/mesh-store.ts';
import type { ChangeSet } from '../../../discovery/model/change-set.ts';
import type { KubernetesObject } from '../../../discovery/model/kubernetes-object.ts';
import { keyOf } from '../../../discovery/model/kubernetes-object.ts';
import { defaultMeshConfig, noMeshNetworks } from '../../../discovery/model/mesh-config.ts';
import type { MeshSnapshot } from '../../../discovery/model/mesh-snapshot.ts';
import { clusterId, networkId } from '../../../discovery/model/names.ts';
import type { SourceEvent } from '../../../discovery/model/source-event.ts';
import { ClusterRegistry } from '../../../discovery/registry/cluster-registry.ts';
import { generatedTypes, ResourceCache, type Attachment } from '../../../server/cache/resource-cache.ts';
import { resourcesOf } from '../../../server/cache/type-snapshot.ts';
import type { Proxy } from '../../../server/proxy/proxy.ts';
import { typeUrls } from '../../../server/stream/type-rules.ts';
import {
  namespaceManifest,
  objectOf,
  podManifest,
  policyManifest,
  serviceManifest,
  sliceManifest,
  type Manifest,
} from '../../support/kube-objects.ts';
import { sidecar, router } from '../../support/mesh-model.ts';

/** What a proxy may ask for. */
const servedTypes = [...generatedTypes, typeUrls.nameTable];

/** Two clusters that are folded by hand, and the mesh that they make. */
class World {
  readonly store = new MeshStore({ primary: clusterId('cluster-1'), config: defaultMeshConfig, schedule: () => {} });
  readonly #registries = new Map(
    (['cluster-1', 'cluster-2'] as const).map((name) => {
      const registry = new ClusterRegistry({
        clusterId: clusterId(name),
        mode: name === 'cluster-1' ? 'primary' : 'discovery-only',
        source: { description: name, scope: 'primary', run: () => Promise.resolve() },
        network: networkId(name === 'cluster-1' ? 'network1' : 'network2'),
        config: defaultMeshConfig,
        meshNetworks: noMeshNetworks,
        now: () => 0,
      });
      registry.fold([{ kind: 'connected' }, { kind: 'synced' }]);
      this.store.add(registry);
      return [name, registry];
    }),
  );

  constructor() {
    this.store.flush();
  }

  apply(cluster: 'cluster-1' | 'cluster-2', ...events: readonly SourceEvent[]): void {
    this.#registries.get(cluster)?.fold(events);
    this.store.flush();
  }

  put(cluster: 'cluster-1' | 'cluster-2', ...manifests: readonly Manifest[]): void {
    this.apply(cluster, ...manifests.map((manifest) => changed(objectOf(manifest))));
  }
}

function changed(object: KubernetesObject): SourceEvent {
  return { kind: 'changed', object };
}

const proxies: readonly Proxy[] = [
  sidecar({ namespace: 'sample', addresses: ['10.1.0.1'], labels: { app: 'store', version: 'v1' } }),
  sidecar({ namespace: 'other', addresses: ['10.1.0.9'], labels: { app: 'client' } }),
  sidecar({
    namespace: 'sample',
    addresses: ['10.1.0.2'],
    capabilities: { istioFilters: false, virtualHostDiscovery: false },
  }),
  router({ namespace: 'istio-system', addresses: ['10.1.0.3'], labels: { istio: 'eastwestgateway' } }),
];

/** A mesh in which most changes reach something: both services in both clusters, a gateway, a route between the two. */
function livelyWorld(): World {
  const world = new World();
  world.put('cluster-2', namespaceManifest('istio-system', { 'topology.istio.io/network': 'network2' }));
  for (const cluster of ['cluster-1', 'cluster-2'] as const) {
    for (const [index, name] of names.entries()) {
      world.put(
        cluster,
        serviceManifest(name, {
          clusterIP: `10.96.0.${index + 1}`,
          ports: [{ name: 'http', port: 80, targetPort: 8080 }],
        }),
        podManifest(`pod-${5 + index}`, `10.1.0.${5 + index}`, name, { labels: { version: 'v1' } }),
      );
    }
  }
  world.put(
    'cluster-1',
    policyManifest('VirtualService', 'route', {
      hosts: ['store'],
      http: [{ route: [{ destination: { host: 'cart' } }] }],
    }),
  );
  return world;
}

/** Everything that an attachment serves, by type and name, as versions. */
function served(attachment: Attachment): Record<string, Record<string, string>> {
  return Object.fromEntries(
    servedTypes.map((typeUrl) => [
      typeUrl,
      Object.fromEntries(
        [...resourcesOf(attachment.snapshot(typeUrl))]
          .map(({ name, version }): [string, string] => [name, version])
          .toSorted(([a], [b]) => (a < b ? -1 : 1)),
      ),
    ]),
  );
}

const names = ['store', 'cart'] as const;

const anyManifest: fc.Arbitrary<Manifest> = fc.oneof(
  fc
    .record({
      name: fc.constantFrom(...names),
      port: fc.constantFrom(80, 81),
      portName: fc.constantFrom('http', 'tcp', 'grpc'),
      clusterIP: fc.constantFrom('10.96.0.1', '10.96.0.2', 'None'),
    })
    .map(({ name, port, portName, clusterIP }) =>
      serviceManifest(name, { clusterIP, ports: [{ name: portName, port, targetPort: 8080 }] }),
    ),
  fc
    .record({
      name: fc.constantFrom(...names),
      slice: fc.constantFrom('a', 'b'),
      addresses: fc.subarray(['10.1.0.1', '10.1.0.2', '10.1.0.5', '10.1.0.6']),
      ready: fc.boolean(),
      portName: fc.constantFrom('http', 'tcp', 'grpc'),
    })
    .map(({ name, slice, addresses, ready, portName }) =>
      sliceManifest(`${name}-${slice}`, name, addresses, {
        ports: [{ name: portName, port: 8080 }],
        conditions: { ready },
        namespace: 'sample',
      }),
    ),
  fc
    .record({
      pod: fc.constantFrom('1', '5', '6'),
      app: fc.constantFrom(...names),
      version: fc.constantFrom('v1', 'v2'),
    })
    .map(({ pod, app, version }) => podManifest(`pod-${pod}`, `10.1.0.${pod}`, app, { labels: { version } })),
  fc
    .record({ host: fc.constantFrom(...names), to: fc.constantFrom(...names), subset: fc.constantFrom('v1', 'v2') })
    .map(({ host, to, subset }) =>
      policyManifest('VirtualService', 'route', {
        hosts: [host],
        http: [{ route: [{ destination: { host: to, subset } }] }],
      }),
    ),
  fc
    .record({
      name: fc.constantFrom('route', 'other'),
      host: fc.constantFrom(...names, '*.sample.svc.cluster.local', 'store.sample', 'www.example.com'),
      to: fc.constantFrom(...names),
      mirror: fc.constantFrom(...names),
      gateways: fc.constantFrom(['mesh'], ['mesh', 'istio-system/ingress'], ['istio-system/ingress']),
    })
    .map(({ name, host, to, mirror, gateways }) => {
      const route = [{ destination: { host: to, subset: 'v1' } }];
      return policyManifest('VirtualService', name, {
        hosts: [host],
        gateways,
        http: [
          { match: [{ uri: { prefix: '/a' } }], delegate: { name: 'delegate' } },
          { route, mirror: { host: mirror } },
        ],
        tcp: [{ match: [{ port: 80 }], route }],
        tls: host.includes('.') ? [{ match: [{ sniHosts: [host] }], route }] : [],
      });
    }),
  fc.record({ to: fc.constantFrom(...names), path: fc.constantFrom('/a/b', '/b') }).map(({ to, path }) =>
    policyManifest('VirtualService', 'delegate', {
      http: [{ match: [{ uri: { prefix: path } }], route: [{ destination: { host: to } }] }],
    }),
  ),
  fc.constantFrom('HTTP', 'TCP').map((protocol) =>
    policyManifest(
      'Gateway',
      'ingress',
      {
        selector: { istio: 'eastwestgateway' },
        servers: [
          { port: { number: 80, name: 'one', protocol }, hosts: ['*'] },
          { port: { number: 443, name: 'tls', protocol: 'TLS' }, tls: { mode: 'PASSTHROUGH' }, hosts: ['*'] },
        ],
      },
      { namespace: 'istio-system' },
    ),
  ),
  fc
    .record({ host: fc.constantFrom(...names, '*.sample.svc.cluster.local'), subset: fc.constantFrom('v1', 'v2') })
    .map(({ host, subset }) =>
      policyManifest('DestinationRule', 'rule', { host, subsets: [{ name: subset, labels: { version: subset } }] }),
    ),
  fc
    .constantFrom('STRICT', 'PERMISSIVE', 'DISABLE')
    .map((mode) => policyManifest('PeerAuthentication', 'mtls', { mtls: { mode } })),
  fc.constant(
    policyManifest(
      'Gateway',
      'cross-network',
      {
        selector: { istio: 'eastwestgateway' },
        servers: [
          {
            port: { number: 15443, name: 'tls', protocol: 'TLS' },
            tls: { mode: 'AUTO_PASSTHROUGH' },
            hosts: ['*.local'],
          },
        ],
      },
      { namespace: 'istio-system' },
    ),
  ),
  fc
    .constantFrom('network1', 'network2', 'network3')
    .map((network) => namespaceManifest('istio-system', { 'topology.istio.io/network': network })),
  fc
    .record({ address: fc.constantFrom('172.30.0.1', '172.30.0.2'), network: fc.constantFrom('network2', 'network3') })
    .map(({ address, network }) =>
      serviceManifest(
        'gateway',
        { externalIPs: [address], ports: [{ name: 'tls', port: 15443 }] },
        { namespace: 'istio-system', labels: { 'topology.istio.io/network': network } },
      ),
    ),
);

interface Step {
  readonly cluster: 'cluster-1' | 'cluster-2';
  readonly manifest: Manifest;
  readonly remove: boolean;
}

const anyStep: fc.Arbitrary<Step> = fc.record({
  cluster: fc.constantFrom('cluster-1', 'cluster-2'),
  manifest: anyManifest,
  remove: fc.integer({ min: 0, max: 3 }).map((dice) => dice === 0),
});

describe('a cache that is kept current', () => {
  test('serves what generating everything again would, after any changes', () => {
    fc.assert(
      fc.property(fc.array(anyStep, { maxLength: 25 }), (steps) => {
        const world = livelyWorld();
        const cache = new ResourceCache(world.store.snapshot);
        world.store.onChange((mesh, change) => cache.update(mesh, change));
        const attachments = proxies.map((proxy) => ({ proxy, attachment: cache.attach(proxy, () => {}) }));
        for (const { cluster, manifest, remove } of steps) {
          const object = objectOf(manifest);
          world.apply(cluster, remove ? { kind: 'deleted', key: keyOf(object) } : changed(object));
          const fresh = new ResourceCache(world.store.snapshot);
          for (const { proxy, attachment } of attachments) {
            expect(served(attachment)).toEqual(served(fresh.attach(proxy, () => {})));
          }
        }
      }),
      { numRuns: 100 },
    );
  }, 120_000);

  test('tells each proxy of every type that differs', () => {
    fc.assert(
      fc.property(fc.array(anyStep, { maxLength: 15 }), (steps) => {
        const world = livelyWorld();
        const cache = new ResourceCache(world.store.snapshot);
        world.store.onChange((mesh, change) => cache.update(mesh, change));
        const told = new Set<string>();
        const attachment = cache.attach(
          sidecar({ namespace: 'sample', addresses: ['10.1.0.1'], labels: { app: 'store' } }),
          (types) => {
            for (const type of types) told.add(type);
          },
        );
        for (const { cluster, manifest, remove } of steps) {
          told.clear();
          const before = served(attachment);
          const object = objectOf(manifest);
          world.apply(cluster, remove ? { kind: 'deleted', key: keyOf(object) } : changed(object));
          const after = served(attachment);
          const differing = servedTypes.filter((type) => JSON.stringify(before[type]) !== JSON.stringify(after[type]));
          expect([...told].toSorted()).toEqual(expect.arrayContaining(differing));
        }
      }),
      { numRuns: 100 },
    );
  }, 120_000);
});

describe('one change', () => {
  function meshOf(count: number): World {
    const world = new World();
    world.put('cluster-1', namespaceManifest('istio-system', { 'topology.istio.io/network': 'network1' }));
    for (let index = 0; index < count; index += 1) {
      const name = `svc-${index}`;
      world.put(
        'cluster-1',
        serviceManifest(name, { clusterIP: `10.96.1.${index}` }),
        sliceManifest(`${name}-a`, name, [`10.2.0.${index}`], { namespace: 'sample' }),
      );
    }
    return world;
  }

  function changesOf(count: number, change: (world: World) => void): Record<string, number> {
    const world = meshOf(count);
    const cache = new ResourceCache(world.store.snapshot);
    const changes: { mesh: MeshSnapshot; change: ChangeSet }[] = [];
    world.store.onChange((mesh, difference) => {
      changes.push({ mesh, change: difference });
      cache.update(mesh, difference);
    });
    const attachment = cache.attach(sidecar({ namespace: 'sample', addresses: ['10.9.0.1'] }), () => {});
    const before = served(attachment);
    change(world);
    const after = served(attachment);
    expect(changes).toHaveLength(1);
    const counts: Record<string, number> = {};
    for (const type of servedTypes) {
      const then = before[type] ?? {};
      const now = after[type] ?? {};
      const differing = new Set([...Object.keys(then), ...Object.keys(now)]);
      const count = [...differing].filter((name) => then[name] !== now[name]).length;
      if (count > 0) counts[type] = count;
    }
    return counts;
  }

  test.each([10, 100])('of an endpoint changes one assignment among %i services', (count) => {
    const counts = changesOf(count, (world) =>
      world.put('cluster-1', sliceManifest('svc-3-a', 'svc-3', ['10.2.0.3', '10.2.1.3'], { namespace: 'sample' })),
    );
    expect(counts).toEqual({ [typeUrls.endpoint]: 1 });
  });

  test.each([10, 100])('of a VirtualService changes one virtual host among %i services', (count) => {
    const counts = changesOf(count, (world) =>
      world.put(
        'cluster-1',
        policyManifest('VirtualService', 'route', {
          hosts: ['svc-3'],
          http: [{ route: [{ destination: { host: 'svc-4' } }], timeout: '3s' }],
        }),
      ),
    );
    expect(counts).toEqual({ [typeUrls.virtualHost]: 1 });
  });

  test('of a label that nothing looks at changes nothing', () => {
    const world = meshOf(3);
    const cache = new ResourceCache(world.store.snapshot);
    const told: ReadonlySet<string>[] = [];
    world.store.onChange((mesh, difference) => cache.update(mesh, difference));
    cache.attach(sidecar({ namespace: 'sample', addresses: ['10.9.0.1'] }), (types) => told.push(types));
    world.put('cluster-1', serviceManifest('svc-1', { clusterIP: '10.96.1.1' }, { annotations: { note: 'new' } }));
    expect(told).toEqual([]);
  });
});

describe('classes', () => {
  test('replicas of a workload and their neighbours share every snapshot', () => {
    const world = new World();
    world.put('cluster-1', serviceManifest('store'));
    const cache = new ResourceCache(world.store.snapshot);
    const first = cache.attach(sidecar({ namespace: 'sample', addresses: ['10.1.0.1'] }), () => {});
    const second = cache.attach(sidecar({ namespace: 'sample', addresses: ['10.1.0.2'] }), () => {});
    expect(cache.classCount).toBe(1);
    for (const type of servedTypes) expect(second.snapshot(type)).toBe(first.snapshot(type));
    second.detach();
    first.detach();
    expect(cache.classCount).toBe(0);
  });

  test('a class that was left comes back current', () => {
    const world = new World();
    world.put('cluster-1', serviceManifest('store'));
    const cache = new ResourceCache(world.store.snapshot);
    world.store.onChange((mesh, change) => cache.update(mesh, change));
    const proxy = sidecar({ namespace: 'sample', addresses: ['10.1.0.1'] });
    cache.attach(proxy, () => {}).detach();
    world.put('cluster-1', serviceManifest('cart'));
    const expected = served(new ResourceCache(world.store.snapshot).attach(proxy, () => {}));
    expect(served(cache.attach(proxy, () => {}))).toEqual(expected);
  });
});
