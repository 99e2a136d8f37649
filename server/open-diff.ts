// What answers, in a running instance, what would change if objects were applied: its cache, its mesh and its primary, looked at and left
// as they are.

import type { MeshConfig } from '../discovery/model/mesh-config.ts';
import type { MeshStore } from '../discovery/mesh/mesh-store.ts';
import type { ClusterRegistry } from '../discovery/registry/cluster-registry.ts';
import type { AskDiff } from './admin/diff-route.ts';
import type { ResourceCache } from './cache/resource-cache.ts';
import type { ServeConfig } from './config.ts';
import { Differ } from './diff/differ.ts';

export interface OpenDiffOptions {
  readonly config: Pick<ServeConfig, 'primary' | 'meshConfigFile'>;
  /** What holds where the primary declares nothing. */
  readonly meshConfig: MeshConfig;
  readonly cache: ResourceCache;
  readonly store: MeshStore;
  readonly primary: ClusterRegistry;
}

export function openDiff({ config, meshConfig, cache, store, primary }: OpenDiffOptions): AskDiff {
  const isDirectory = config.primary.kind === 'directory';
  const differ = new Differ({
    cache,
    previewCluster: () => primary.preview(isDirectory ? {} : { assignedAtMs: Date.now() }),
    previewMesh: (cluster) => {
      const snapshot = cluster.snapshot();
      const { meshSettings } = snapshot;
      const isSame = config.meshConfigFile !== undefined || meshSettings === primary.snapshot.meshSettings;
      if (isSame) return store.preview(snapshot);
      // Certificates carry the trust domain that the instance was started with.
      return store.preview(snapshot, { ...(meshSettings?.config ?? meshConfig), trustDomain: meshConfig.trustDomain });
    },
  });
  return (request, signal) => differ.ask(request, signal);
}
