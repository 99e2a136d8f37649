// An engine with two workloads' proxies and a gateway, and what it is asked: what would change, and what does.

import type { ClusterRegistry } from '../../../discovery/registry/cluster-registry.ts';
import { MeshStore } from '../../../discovery/mesh/mesh-store.ts';
import { defaultMeshConfig } from '../../../discovery/model/mesh-config.ts';
import { clusterId } from '../../../discovery/model/names.ts';
import { generatedTypes, ResourceCache, type Attachment } from '../../../server/cache/resource-cache.ts';
import { resourcesOf } from '../../../server/cache/type-snapshot.ts';
import { Differ } from '../../../server/diff/differ.ts';
import type { DiffReport } from '../../../server/diff/diff-report.ts';
import {
  namespaceManifest,
  podManifest,
  policyManifest,
  serviceManifest,
  type Manifest,
} from '../../support/kube-objects.ts';
import { router, sidecar } from '../../support/mesh-model.ts';
import { syncedCluster } from '../discovery/cluster-scene.ts';

export const baseManifests: readonly Manifest[] = [
  namespaceManifest('sample'),
  serviceManifest('web', { clusterIP: '10.0.0.1' }),
  serviceManifest('cart', { clusterIP: '10.0.0.2', ports: [{ name: 'http', port: 80, targetPort: 8080 }] }),
  serviceManifest('ingress', { clusterIP: '10.0.0.3', ports: [{ name: 'http', port: 80 }] }),
  podManifest('web-1', '10.1.0.1', 'web'),
  podManifest('cart-1', '10.1.0.2', 'cart', { labels: { version: 'v1' } }),
  podManifest('cart-2', '10.1.0.3', 'cart', { labels: { version: 'v2' } }),
  podManifest('ingress-1', '10.1.0.4', 'ingress'),
  policyManifest('DestinationRule', 'cart', {
    host: 'cart',
    subsets: [
      { name: 'v1', labels: { version: 'v1' } },
      { name: 'v2', labels: { version: 'v2' } },
    ],
  }),
];

export interface DiffScene {
  readonly cluster: ClusterRegistry;
  readonly store: MeshStore;
  readonly cache: ResourceCache;
  /** Times that any proxy was told that something differs. */
  readonly told: () => number;
  ask(edits: readonly Edit[], options?: { readonly prune?: boolean; readonly proxy?: string }): Promise<DiffReport>;
  /** By proxy: `TYPEURL NAME` to version. */
  served(): ReadonlyMap<string, ReadonlyMap<string, string>>;
}

export type Edit = { readonly write: Manifest } | { readonly delete: Manifest };

export function openDiffScene(manifests: readonly Manifest[] = baseManifests): DiffScene {
  const cluster = syncedCluster(manifests);
  const store = new MeshStore({ primary: clusterId('cluster-1'), config: defaultMeshConfig, schedule: () => {} });
  store.add(cluster);
  store.flush();
  const cache = new ResourceCache(store.snapshot);
  store.onChange((snapshot, change) => cache.update(snapshot, change));
  let told = 0;
  const attachments = new Map<string, Attachment>();
  const attach = (name: string, address: string, changes: Parameters<typeof sidecar>[0]): void => {
    const where = { nodeId: name, name, namespace: 'sample', addresses: [address], ...changes };
    const proxy = changes?.type === 'router' ? router(where) : sidecar(where);
    attachments.set(
      `${name}.sample`,
      cache.attach(proxy, () => void (told += 1)),
    );
  };
  attach('web-1', '10.1.0.1', { labels: { app: 'web' } });
  attach('cart-1', '10.1.0.2', { labels: { app: 'cart', version: 'v1' } });
  attach('cart-2', '10.1.0.3', { labels: { app: 'cart', version: 'v2' } });
  attach('ingress-1', '10.1.0.4', { type: 'router', labels: { app: 'ingress' }, requestedNetworks: [] });
  const differ = new Differ({
    cache,
    previewCluster: () => cluster.preview(),
    previewMesh: (preview) => store.preview(preview.snapshot()),
  });
  return {
    cluster,
    store,
    cache,
    told: () => told,
    ask: async (edits, { prune = false, proxy } = {}) => {
      const body = edits.map((edit) => JSON.stringify(edit)).join('\n');
      const report = await differ.ask(
        { body, prune, ...(proxy === undefined ? {} : { proxy }) },
        new AbortController().signal,
      );
      if (report === undefined) throw new Error('the question was not taken');
      return report;
    },
    served: () =>
      new Map(
        [...attachments].map(([name, attachment]) => [
          name,
          new Map(
            generatedTypes.flatMap((type) =>
              [...resourcesOf(attachment.snapshot(type))].map((one) => [`${type} ${one.name}`, one.version] as const),
            ),
          ),
        ]),
      ),
  };
}

/** What differs for each proxy between two states, as `TYPEURL NAME`, sorted; proxies without any are left out. */
export function differences(
  before: ReturnType<DiffScene['served']>,
  after: ReturnType<DiffScene['served']>,
): Readonly<Record<string, readonly string[]>> {
  const found: Record<string, readonly string[]> = {};
  for (const [proxy, then] of before) {
    const now = after.get(proxy) ?? new Map<string, string>();
    const names = [...new Set([...then.keys(), ...now.keys()])].filter((name) => then.get(name) !== now.get(name));
    if (names.length > 0) found[proxy] = names.toSorted();
  }
  return found;
}

/** The same, as it was predicted. */
export function predicted({ resources }: DiffReport): Readonly<Record<string, readonly string[]>> {
  const found: Record<string, string[]> = {};
  for (const { typeUrl, name, proxies } of resources) {
    for (const proxy of proxies) (found[proxy] ??= []).push(`${typeUrl} ${name}`);
  }
  return Object.fromEntries(Object.entries(found).map(([proxy, names]) => [proxy, names.toSorted()]));
}
