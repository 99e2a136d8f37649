// A cluster for tests: a registry that is told manifests directly, in batches.

import { ClusterRegistry } from '../../../discovery/registry/cluster-registry.ts';
import type { ClusterMode } from '../../../discovery/model/cluster-snapshot.ts';
import { defaultMeshConfig, noMeshNetworks, type MeshNetworks } from '../../../discovery/model/mesh-config.ts';
import { clusterId, hostname, networkId, objectKey, type Hostname } from '../../../discovery/model/names.ts';
import type { PersistentMap } from '../../../discovery/model/persistent-map.ts';
import type { ResolvedName } from '../../../discovery/model/resolved-name.ts';
import type { StaleRule } from '../../../discovery/model/stale-rule.ts';
import type { SourceEvent } from '../../../discovery/model/source-event.ts';
import type { ClusterSnapshot } from '../../../discovery/model/cluster-snapshot.ts';
import { compareText } from '../../../discovery/model/network-gateway.ts';
import { objectOf, type Manifest } from '../../support/kube-objects.ts';

export interface SceneOptions {
  readonly id?: string;
  readonly mode?: ClusterMode;
  readonly network?: string;
  readonly meshNetworks?: MeshNetworks;
  readonly now?: () => number;
  readonly resolve?: (hostname: string) => ResolvedName;
  readonly generation?: number;
  readonly staleRule?: StaleRule;
}

export function openCluster(options: SceneOptions = {}): ClusterRegistry {
  const mode = options.mode ?? 'primary';
  return new ClusterRegistry({
    clusterId: clusterId(options.id ?? 'cluster-1'),
    mode,
    source: { description: 'test', scope: mode, run: () => Promise.resolve() },
    network: networkId(options.network ?? ''),
    config: defaultMeshConfig,
    meshNetworks: options.meshNetworks ?? noMeshNetworks,
    now: options.now ?? (() => 0),
    ...(options.resolve === undefined ? {} : { resolve: options.resolve }),
    ...(options.staleRule === undefined ? {} : { staleRule: options.staleRule }),
    ...(options.generation === undefined ? {} : { generation: options.generation }),
  });
}

export const changed = (manifest: Manifest): SourceEvent => ({ kind: 'changed', object: objectOf(manifest) });
export const deleted = (kind: string, name: string, namespace = 'sample'): SourceEvent => ({
  kind: 'deleted',
  key: objectKey(kind, namespace, name),
});

/** A registry that was told these manifests and has synced. */
export function syncedCluster(manifests: readonly Manifest[], options: SceneOptions = {}): ClusterRegistry {
  const cluster = openCluster(options);
  cluster.fold([{ kind: 'connected' }, ...manifests.map((manifest) => changed(manifest)), { kind: 'synced' }]);
  return cluster;
}

export const hostOf = (name: string, namespace = 'sample'): Hostname =>
  hostname(`${name}.${namespace}.svc.cluster.local`);

/** The entries in key order, to compare maps by content. */
export function entriesOf<K extends string, V>(map: PersistentMap<K, V>): [K, V][] {
  return [...map.entries()].toSorted(([a], [b]) => compareText(a, b));
}

/** A snapshot as plain values, to compare by content. */
export function plain(snapshot: ClusterSnapshot): unknown {
  return {
    ...snapshot,
    services: entriesOf(snapshot.services),
    endpoints: entriesOf(snapshot.endpoints),
    workloads: entriesOf(snapshot.workloads),
    policies: entriesOf(snapshot.policies),
  };
}
