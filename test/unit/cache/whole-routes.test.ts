// Clients of the state of the world get route configurations that are joined out of virtual hosts which were encoded before: they are
// what the generator says, byte for byte, and an edit encodes only what it edits.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MeshStore } from '../../../discovery/mesh/mesh-store.ts';
import { keyOf } from '../../../discovery/model/kubernetes-object.ts';
import { defaultMeshConfig } from '../../../discovery/model/mesh-config.ts';
import { clusterId } from '../../../discovery/model/names.ts';
import { decode, encode } from '../../../proto/codec.ts';
import { RouteConfiguration, VirtualHost } from '../../../proto/generated/envoy.config.route.v3.ts';
import { versionOfBytes } from '../../../server/cache/encode-resource.ts';
import { ResourceCache } from '../../../server/cache/resource-cache.ts';
import { resourcesOf } from '../../../server/cache/type-snapshot.ts';
import { generateAll } from '../../support/generate-all.ts';
import { objectOf, podManifest, policyManifest, serviceManifest, type Manifest } from '../../support/kube-objects.ts';
import { router, sidecar } from '../../support/mesh-model.ts';
import { changed, syncedCluster } from '../discovery/cluster-scene.ts';
import { anyConfiguration, anyDiscovered, ingressGateway } from './any-manifest.ts';

const capabilities = { istioFilters: false, virtualHostDiscovery: false };
const inSample = sidecar({ namespace: 'sample', addresses: ['10.1.0.9'], capabilities });
const ingress = router({
  namespace: 'istio-system',
  addresses: ['10.1.0.4'],
  labels: { istio: 'ingress' },
  capabilities,
});

const names = ['store', 'cart', 'api'];
const filter = (configPatches: readonly object[]): Manifest =>
  policyManifest('EnvoyFilter', 'routes', { configPatches });
const limitBuffer = { patch: { operation: 'MERGE', value: { perRequestBufferLimitBytes: 7 } } };
const addedHost = { name: 'added', domains: ['added.example'], routes: [{ match: { prefix: '/' }, route: {} }] };

const anyRouteFilter = fc
  .subarray([
    { applyTo: 'ROUTE_CONFIGURATION', patch: { operation: 'MERGE', value: { internalOnlyHeaders: ['x-inner'] } } },
    { applyTo: 'VIRTUAL_HOST', match: { routeConfiguration: { vhost: { name: 'allow_any' } } }, ...limitBuffer },
    {
      applyTo: 'VIRTUAL_HOST',
      match: { routeConfiguration: { vhost: { name: 'store.sample.svc.cluster.local:80' } } },
      ...limitBuffer,
    },
    {
      applyTo: 'VIRTUAL_HOST',
      match: { routeConfiguration: { vhost: { name: 'cart.sample.svc.cluster.local:80' } } },
      patch: { operation: 'REMOVE' },
    },
    { applyTo: 'VIRTUAL_HOST', patch: { operation: 'ADD', value: addedHost } },
  ])
  .map(filter);

function open() {
  const cluster = syncedCluster([
    ...names.map((name, index) => serviceManifest(name, { clusterIP: `10.96.0.${index + 1}` })),
    podManifest('ingress', '10.1.0.4', 'ingress', { namespace: 'istio-system', labels: { istio: 'ingress' } }),
    ingressGateway({ protocol: 'HTTP', credentialName: 'a' }),
  ]);
  const store = new MeshStore({ primary: clusterId('cluster-1'), config: defaultMeshConfig, schedule: () => {} });
  store.add(cluster);
  store.flush();
  const encoded: string[] = [];
  const cache = new ResourceCache(store.snapshot, (typeUrl) => encoded.push(typeUrl));
  store.onChange((mesh, change) => cache.update(mesh, change));
  return {
    store,
    cache,
    fold: (manifest: Manifest, remove = false) => {
      encoded.length = 0;
      const object = objectOf(manifest);
      cluster.fold([remove ? { kind: 'deleted', key: keyOf(object) } : changed(manifest)]);
      store.flush();
      return encoded.filter((type) => type === VirtualHost.typeUrl || type === RouteConfiguration.typeUrl);
    },
  };
}

test('whole route configurations are those of the generator, whatever comes, changes or goes, patched or not', () => {
  let compared = 0;
  let patched = 0;
  const anyManifest = fc.oneof(anyDiscovered, anyConfiguration, { weight: 2, arbitrary: anyRouteFilter });
  const anyStep = fc.record({ manifest: anyManifest, dice: fc.integer({ min: 0, max: 3 }) });
  fc.assert(
    fc.property(fc.array(anyStep, { minLength: 1, maxLength: 12 }), (steps) => {
      const { store, cache, fold } = open();
      const attached = [inSample, ingress].map((proxy) => ({ proxy, attachment: cache.attach(proxy, () => {}) }));
      for (const { manifest, dice } of steps) {
        fold(manifest, dice === 0);
        for (const { proxy, attachment } of attached) {
          const served = new Map(
            [...resourcesOf(attachment.snapshot(RouteConfiguration.typeUrl))].map((one) => [String(one.name), one]),
          );
          const generated = generateAll(proxy, store.snapshot).wholeRoutes;
          expect([...served.keys()].toSorted()).toEqual(generated.map(({ name }) => name).toSorted());
          for (const { name, message } of generated) {
            const bytes = encode(RouteConfiguration, message);
            const { body = new Uint8Array(), version } = served.get(name) ?? {};
            expect(decode(RouteConfiguration, body)).toEqual(decode(RouteConfiguration, bytes));
            expect(Buffer.compare(body, bytes)).toBe(0);
            expect(version).toBe(versionOfBytes(bytes));
            compared += 1;
            if (message.internalOnlyHeaders !== undefined) patched += 1;
          }
        }
      }
    }),
    { numRuns: 60 },
  );
  expect(compared).toBeGreaterThan(500);
  expect(patched).toBeGreaterThan(20);
}, 60_000);

const routeOf = (timeout: string): Manifest =>
  policyManifest('VirtualService', 'store', {
    hosts: ['store'],
    http: [{ route: [{ destination: { host: 'store' } }], timeout }],
  });

test.each<[string, readonly Manifest[], number]>([
  ['its own virtual host and splices the rest', [], 1],
  [
    'its own one, and that for unknown hosts, when patches change virtual hosts',
    [filter([{ applyTo: 'VIRTUAL_HOST', ...limitBuffer }])],
    2,
  ],
])('an edited VirtualService encodes %s', (_what, manifests, encodings) => {
  const { cache, fold } = open();
  for (const manifest of manifests) fold(manifest);
  fold(routeOf('1s'));
  const attachment = cache.attach(inSample, () => {});
  const whole = (): readonly VirtualHost[] =>
    [...resourcesOf(attachment.snapshot(RouteConfiguration.typeUrl))].flatMap(
      ({ body }) => decode(RouteConfiguration, body).virtualHosts ?? [],
    );
  expect(whole()).toHaveLength(names.length + 1);
  const virtualHosts = Array.from({ length: encodings }, () => VirtualHost.typeUrl);
  expect(fold(routeOf('2s'))).toEqual([...virtualHosts, RouteConfiguration.typeUrl]);
  expect(whole().map((host) => host.routes?.[0]?.route?.timeout?.seconds)).toContain(2);
  expect(whole().every((host) => host.perRequestBufferLimitBytes?.value === 7)).toBe(manifests.length > 0);
});

test('the virtual host for unknown hosts is encoded once for all route configurations and all of their versions', () => {
  const { cache, fold } = open();
  cache.attach(inSample, () => {});
  const other = serviceManifest('other', { clusterIP: '10.96.0.9', ports: [{ name: 'http', port: 81 }] });
  expect(fold(other)).toEqual([VirtualHost.typeUrl, RouteConfiguration.typeUrl]);
});

test.each([true, false])(
  'a patch of it in one route configuration is none of another, VHDS: %s',
  (virtualHostDiscovery) => {
    const { cache, fold } = open();
    fold(serviceManifest('other', { clusterIP: '10.96.0.9', ports: [{ name: 'http', port: 81 }] }));
    const match = { routeConfiguration: { name: '81', vhost: { name: 'allow_any' } } };
    fold(filter([{ applyTo: 'VIRTUAL_HOST', match, ...limitBuffer }]));
    const proxy = { ...inSample, capabilities: { ...capabilities, virtualHostDiscovery } };
    const attachment = cache.attach(proxy, () => {});
    const patched = [...resourcesOf(attachment.snapshot(RouteConfiguration.typeUrl))].filter(({ body }) =>
      decode(RouteConfiguration, body).virtualHosts?.some((host) => host.perRequestBufferLimitBytes?.value === 7),
    );
    expect(patched.map(({ name }) => name)).toEqual(['81']);
  },
);
