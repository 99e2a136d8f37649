// Whatever somebody writes: nothing crashes, what is made of it is well formed and taken by Envoy, and once it is gone everything is
// as it was.

import * as fc from 'fast-check';
import { beforeAll, expect, test } from 'vitest';
import { checkObject } from '../../../discovery/analyze/check-object.ts';
import { analyze } from '../../../discovery/analyze/analyze.ts';
import { MeshStore } from '../../../discovery/mesh/mesh-store.ts';
import { defaultMeshConfig, noMeshNetworks } from '../../../discovery/model/mesh-config.ts';
import type { MeshSnapshot } from '../../../discovery/model/mesh-snapshot.ts';
import { clusterId, objectKey } from '../../../discovery/model/names.ts';
import type { ClusterRegistry } from '../../../discovery/registry/cluster-registry.ts';
import { parseObject } from '../../../discovery/source/object-schema.ts';
import { generatedTypes, ResourceCache, type Attachment } from '../../../server/cache/resource-cache.ts';
import { resourcesOf } from '../../../server/cache/type-snapshot.ts';
import { validate } from '../../support/envoy.ts';
import { readCrdKinds, type CrdKind } from '../../support/fields/crd-fields.ts';
import { anyObject } from '../../support/fields/any-object.ts';
import { asBootstrap, firstMistake, generateAll } from '../../support/generate-all.ts';
import { podManifest, serviceManifest, type Manifest } from '../../support/kube-objects.ts';
import { router, sidecar } from '../../support/mesh-model.ts';
import { changed, syncedCluster } from '../../unit/discovery/cluster-scene.ts';

let kinds: readonly CrdKind[] = [];

beforeAll(async () => {
  kinds = await readCrdKinds();
}, 120_000);

const seconds = (count: number) => ({
  seed: 20_261_122,
  interruptAfterTimeLimit: count * 1000,
  markInterruptAsFailure: false,
});
const inDefault = { namespace: 'default' };
const base: readonly Manifest[] = [
  serviceManifest('store', {}, inDefault),
  serviceManifest('cart', { ports: [{ name: 'tcp', port: 81 }] }, inDefault),
  podManifest('store-1', '10.1.0.1', 'store', { ...inDefault, labels: { version: 'v1' } }),
  podManifest('sleep', '10.1.0.9', 'sleep', inDefault),
  podManifest('gateway', '10.1.0.2', 'gateway', inDefault),
];
const proxies = [
  sidecar(),
  sidecar({ addresses: ['10.1.0.1'], name: 'store-1', labels: { app: 'store', version: 'v1' } }),
];
const gatewayProxy = router({
  addresses: ['10.1.0.2'],
  name: 'gateway',
  namespace: 'default',
  labels: { app: 'gateway' },
});

interface Scene {
  readonly cluster: ClusterRegistry;
  readonly store: MeshStore;
  readonly cache: ResourceCache;
}

function scene(): Scene {
  const store = new MeshStore({
    primary: clusterId('cluster-1'),
    config: defaultMeshConfig,
    schedule: () => undefined,
  });
  const cluster = syncedCluster(base);
  const cache = new ResourceCache(store.snapshot);
  store.onChange((mesh, change) => cache.update(mesh, change));
  store.add(cluster);
  store.flush();
  return { cluster, store, cache };
}

/** What the mesh is with the object in it; undefined when it can't even be read as an object. */
function write({ cluster, store }: Scene, manifest: Manifest): MeshSnapshot | undefined {
  const parsed = parseObject(manifest, 'primary');
  if (parsed === undefined || Array.isArray(parsed)) return undefined;
  cluster.fold([changed(manifest)]);
  store.flush();
  return store.snapshot;
}

function served(attachments: readonly Attachment[]): unknown {
  return attachments.map((attachment) =>
    generatedTypes.map((type) => [
      type,
      [...resourcesOf(attachment.snapshot(type))].map(({ name, version }) => `${name} ${version}`).toSorted(),
    ]),
  );
}

test('no object crashes anything, and what is made of one has no field that its message lacks', () => {
  fc.assert(
    fc.property(anyObject(kinds), (manifest) => {
      const made = scene();
      const context = {
        clusterId: clusterId('cluster-1'),
        mode: 'primary' as const,
        domain: 'cluster.local',
        systemNamespace: 'istio-system',
        meshDefaults: { config: defaultMeshConfig, meshNetworks: noMeshNetworks },
      };
      const policyOf = () => undefined;
      for (const problem of checkObject(manifest, { ...context, mesh: made.store.snapshot, policyOf })) {
        expect(problem.code).toMatch(/^[a-z0-9-]+$/);
        expect(problem.message).toMatch(/[.?]$/);
      }
      const mesh = write(made, manifest);
      if (mesh === undefined) return;
      analyze(mesh);
      for (const proxy of [...proxies, gatewayProxy]) expect(firstMistake(generateAll(proxy, mesh))).toBeUndefined();
    }),
    { numRuns: 2000, ...seconds(6) },
  );
}, 60_000);

test('an object that comes and goes leaves every byte as it was', () => {
  const made = scene();
  const attachments = [...proxies, gatewayProxy].map((proxy) => made.cache.attach(proxy, () => undefined));
  const before = served(attachments);
  fc.assert(
    fc.property(anyObject(kinds), (manifest) => {
      if (write(made, manifest) === undefined) return;
      const key = objectKey(String(manifest['kind']), 'default', 'one');
      made.cluster.fold([{ kind: 'deleted', key }]);
      made.store.flush();
      expect(served(attachments)).toEqual(before);
    }),
    { numRuns: 2000, ...seconds(6) },
  );
}, 60_000);

test('Envoy takes a sample of what is made', { timeout: 300_000 }, async () => {
  const sample = fc.sample(anyObject(kinds), { seed: 7, numRuns: 400 });
  const made = scene();
  const plain = JSON.stringify(asBootstrap(generateAll(sidecar(), made.store.snapshot)));
  const bootstraps = new Map<string, unknown>();
  for (const manifest of sample) {
    const mesh = write(made, manifest);
    if (mesh === undefined) continue;
    for (const proxy of [...proxies, gatewayProxy]) {
      const bootstrap = asBootstrap(generateAll(proxy, mesh));
      const text = JSON.stringify(bootstrap);
      if (text !== plain)
        bootstraps.set(`${String(manifest['kind'])} ${String(bootstraps.size % 4)} ${proxy.name}`, {
          bootstrap,
          manifest,
        });
    }
    made.cluster.fold([{ kind: 'deleted', key: objectKey(String(manifest['kind']), 'default', 'one') }]);
    made.store.flush();
  }
  const some = [...bootstraps.values()].slice(0, 16) as readonly { bootstrap: unknown; manifest: Manifest }[];
  expect(some.length).toBeGreaterThan(5);
  for (const { bootstrap, manifest } of some) {
    const result = await validate(bootstrap);
    expect({ manifest, result }).toEqual({ manifest, result: { kind: 'accepted' } });
  }
});
