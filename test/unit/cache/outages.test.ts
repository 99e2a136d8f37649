// Outages against the simplest thing that is right: whatever degrades, drops, dies and returns, what the cache has kept current
// equals what is generated again.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MeshStore } from '../../../discovery/mesh/mesh-store.ts';
import { defaultMeshConfig, noMeshNetworks } from '../../../discovery/model/mesh-config.ts';
import { clusterId, networkId } from '../../../discovery/model/names.ts';
import { socketOf } from '../../../discovery/model/network-gateway.ts';
import type { StalePolicy } from '../../../discovery/model/stale-rule.ts';
import { ClusterRegistry } from '../../../discovery/registry/cluster-registry.ts';
import { decode } from '../../../proto/codec.ts';
import { ClusterLoadAssignment } from '../../../proto/generated/envoy.config.endpoint.v3.ts';
import { generatedTypes, ResourceCache, type Attachment } from '../../../server/cache/resource-cache.ts';
import { resourcesOf } from '../../../server/cache/type-snapshot.ts';
import {
  namespaceManifest,
  objectOf,
  serviceManifest,
  podManifest,
  type Manifest,
} from '../../support/kube-objects.ts';
import { router, sidecar } from '../../support/mesh-model.ts';

const names = ['cluster-1', 'cluster-2', 'cluster-3'] as const;
type Name = (typeof names)[number];

/** Three clusters: the second on another network behind a gateway, the third on the primary's network. */
class World {
  nowMs = 0;
  readonly store: MeshStore;
  readonly #registries: ReadonlyMap<Name, ClusterRegistry>;

  constructor(policy: StalePolicy) {
    this.store = new MeshStore({
      primary: clusterId('cluster-1'),
      config: defaultMeshConfig,
      schedule: () => undefined,
      staleRule: { policy, afterMs: 100 },
      timer: { now: () => this.nowMs, after: () => () => undefined },
    });
    this.#registries = new Map(names.map((name, index) => [name, this.#open(name, index + 1)] as const));
    this.store.flush();
  }

  cut(name: Name): void {
    this.#registries.get(name)?.fold([{ kind: 'disconnected', reason: 'gone' }]);
  }

  restore(name: Name): void {
    this.#registries.get(name)?.fold([{ kind: 'connected' }]);
  }

  put(name: Name, manifest: Manifest): void {
    this.#registries.get(name)?.fold([{ kind: 'changed', object: objectOf(manifest) }]);
  }

  #open(name: Name, number: number): ClusterRegistry {
    const network = number === 2 ? 'network2' : 'network1';
    const registry = new ClusterRegistry({
      clusterId: clusterId(name),
      mode: number === 1 ? 'primary' : 'discovery-only',
      source: { description: name, scope: 'primary', run: () => Promise.resolve() },
      network: networkId(network),
      config: defaultMeshConfig,
      meshNetworks: noMeshNetworks,
      now: () => this.nowMs,
    });
    const manifests = [
      namespaceManifest('istio-system', { 'topology.istio.io/network': network }),
      ...(number === 2 ? [eastWest] : []),
      ...['store', 'cart'].flatMap((app, index) => [
        serviceManifest(app, {
          clusterIP: `10.96.0.${index + 1}`,
          ports: [{ name: 'http', port: 80, targetPort: 8080 }],
        }),
        podManifest(`${app}-1`, `10.${number}.0.${index + 1}`, app),
      ]),
    ];
    registry.fold([
      { kind: 'connected' },
      ...manifests.map((manifest) => ({ kind: 'changed', object: objectOf(manifest) }) as const),
      { kind: 'synced' },
    ]);
    this.store.add(registry);
    return registry;
  }
}

const eastWest: Manifest = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: {
    name: 'eastwest',
    namespace: 'istio-system',
    labels: { 'topology.istio.io/network': 'network2' },
    annotations: {},
  },
  spec: { type: 'LoadBalancer', ports: [{ name: 'tls', port: 15443 }] },
  status: { loadBalancer: { ingress: [{ ip: '172.30.0.2' }, { ip: '172.30.0.3' }] } },
};
const gateways = ['172.30.0.2', '172.30.0.3'].map((address) => socketOf({ address, port: 15443 }));

const proxies = [
  sidecar({ namespace: 'sample', addresses: ['10.1.0.1'], labels: { app: 'store' } }),
  router({ namespace: 'istio-system', addresses: ['10.1.0.3'], labels: { istio: 'eastwestgateway' } }),
];

function served(attachment: Attachment): unknown {
  return generatedTypes.map((typeUrl) =>
    Object.fromEntries([...resourcesOf(attachment.snapshot(typeUrl))].map(({ name, version }) => [name, version])),
  );
}

type Step = (world: World) => void;

const anyStep: fc.Arbitrary<Step> = fc.oneof(
  fc.constantFrom(...names).map(
    (name): Step =>
      (world) =>
        world.cut(name),
  ),
  fc.constantFrom(...names).map(
    (name): Step =>
      (world) =>
        world.restore(name),
  ),
  fc.constantFrom(50, 100, 200).map((ms): Step => (world) => {
    world.nowMs += ms;
    // As the timer would.
    world.store.flush();
  }),
  fc.subarray(gateways).map(
    (dead): Step =>
      (world) =>
        world.store.setDeadGateways(new Set(dead)),
  ),
  fc.tuple(fc.constantFrom(...names), fc.constantFrom('store', 'cart'), fc.integer({ min: 1, max: 4 })).map(
    ([name, app, pod]): Step =>
      (world) =>
        world.put(name, podManifest(`${app}-${pod}`, `10.9.0.${pod}`, app)),
  ),
);

test.each(['keep', 'degrade', 'drop'] as const)('whatever fails and returns under %s', (policy) => {
  fc.assert(
    fc.property(fc.array(anyStep, { maxLength: 12 }), (steps) => {
      const world = new World(policy);
      const cache = new ResourceCache(world.store.snapshot);
      world.store.onChange((mesh, change) => cache.update(mesh, change));
      const attachments = proxies.map((proxy) => cache.attach(proxy, () => undefined));
      for (const step of steps) {
        step(world);
        world.store.flush();
        const again = new ResourceCache(world.store.snapshot);
        const expected = proxies.map((proxy) => served(again.attach(proxy, () => undefined)));
        expect(attachments.map(served)).toEqual(expected);
      }
    }),
    { numRuns: 40 },
  );
});

/** Priority and addresses of what the sidecar is told of `store`. */
function assignment(world: World): unknown {
  const cache = new ResourceCache(world.store.snapshot);
  const [proxy = sidecar({})] = proxies;
  const resources = resourcesOf(cache.attach(proxy, () => undefined).snapshot(ClusterLoadAssignment.typeUrl));
  const found = [...resources].find(({ name }) => name === 'outbound|80||store.sample.svc.cluster.local');
  const { endpoints = [] } = decode(ClusterLoadAssignment, found?.body ?? new Uint8Array());
  return endpoints.map(({ priority, lbEndpoints = [] }) => [
    priority ?? 0,
    ...lbEndpoints.map(({ endpoint }) => endpoint?.address?.socketAddress?.address),
  ]);
}

test('an assignment says which endpoints come second', () => {
  const world = new World('degrade');
  const before = assignment(world);
  world.cut('cluster-2');
  world.cut('cluster-3');
  world.nowMs += 100;
  world.store.flush();
  expect(assignment(world)).toEqual([
    [0, '10.1.0.1'],
    [1, '10.3.0.1', '172.30.0.2', '172.30.0.3'],
  ]);
  world.restore('cluster-2');
  world.restore('cluster-3');
  world.store.flush();
  expect(assignment(world)).toEqual(before);
});

test('a dead gateway leaves the assignment; without any, nothing of its network is left', () => {
  const world = new World('keep');
  world.store.setDeadGateways(new Set(gateways.slice(0, 1)));
  world.store.flush();
  expect(assignment(world)).toEqual([[0, '10.1.0.1', '10.3.0.1', '172.30.0.3']]);
  world.store.setDeadGateways(new Set(gateways));
  world.store.flush();
  expect(assignment(world)).toEqual([[0, '10.1.0.1', '10.3.0.1']]);
});
