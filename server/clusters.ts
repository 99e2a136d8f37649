// The clusters that an instance reads: the primary and its remotes, each a registry that runs until it is stopped.

import type { MeshStore } from '../discovery/mesh/mesh-store.ts';
import type { MeshConfig, MeshNetworks } from '../discovery/model/mesh-config.ts';
import { networkId } from '../discovery/model/names.ts';
import { ClusterRegistry } from '../discovery/registry/cluster-registry.ts';
import type { ServeConfig } from './config.ts';
import type { Started } from './lifecycle.ts';
import type { Log } from './log.ts';
import { openSource } from './open-source.ts';
import { ProblemLog } from './problem-log.ts';
import { remembered } from './remember-clusters.ts';

export interface Clusters {
  readonly primary: ClusterRegistry;
  readonly remotes: readonly ClusterRegistry[];
}

/** Makes the registries; nothing is read yet. @throws ConfigError */
export function openClusters(config: ServeConfig, mesh: MeshConfig, meshNetworks: MeshNetworks): Clusters {
  const shared = { config: mesh, meshNetworks, now: Date.now };
  return {
    primary: new ClusterRegistry({
      ...shared,
      clusterId: config.clusterId,
      mode: 'primary',
      source: remembered(
        openSource(config.primary, { scope: 'primary', systemNamespace: config.systemNamespace }),
        config.clusterId,
        config.stateDir,
      ),
      network: config.network,
    }),
    remotes: config.remotes.map(
      (remote) =>
        new ClusterRegistry({
          ...shared,
          clusterId: remote.clusterId,
          mode: 'discovery-only',
          source: remembered(
            openSource(remote.location, { scope: 'discovery-only', systemNamespace: config.systemNamespace }),
            remote.clusterId,
            config.stateDir,
          ),
          // What network a remote is in, only the remote itself or MeshNetworks can say.
          network: networkId(''),
        }),
    ),
  };
}

/** Reads all clusters into the mesh until stopped, and logs phases and findings as they change. */
export function runClusters(parts: {
  readonly clusters: Clusters;
  readonly store: MeshStore;
  readonly log: Log;
  readonly started: Started;
}): void {
  const { clusters, store, log, started } = parts;
  const problems = new ProblemLog(log);
  const stop = new AbortController();
  const runs = [clusters.primary, ...clusters.remotes].map((registry) => {
    let phase = registry.phase;
    registry.onChange((_change, now) => {
      const status = registry.status();
      problems.update(status);
      if (now === phase) return;
      phase = now;
      log.info({ cluster: registry.clusterId, phase, reason: status.error }, 'the cluster is in another phase');
    });
    store.add(registry);
    return registry.run(stop.signal);
  });
  started.add('clusters', async () => {
    stop.abort();
    await Promise.all(runs);
  });
}
