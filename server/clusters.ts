// The clusters that an instance reads: the primary and its remotes, each a registry that runs until it is stopped.

import type { MeshStore } from '../discovery/mesh/mesh-store.ts';
import type { MeshConfig, MeshNetworks } from '../discovery/model/mesh-config.ts';
import type { ClusterPhase, ClusterStatus } from '../discovery/model/cluster-snapshot.ts';
import type { ResolvedName } from '../discovery/model/resolved-name.ts';
import type { ClusterId } from '../discovery/model/names.ts';
import { ClusterRegistry } from '../discovery/registry/cluster-registry.ts';
import { systemClock } from '../discovery/source/kube/clock.ts';
import type { ObjectSightings } from '../discovery/source/kube/object-sightings.ts';
import type { ServeConfig } from './config.ts';
import { countEvents, type ObjectEvent } from './count-events.ts';
import type { DirectorySecrets } from './credentials/directory-secrets.ts';
import type { Started } from './lifecycle.ts';
import type { Log } from './log.ts';
import { GatewayNames } from './gateway-names.ts';
import { lookUpName } from './look-up-name.ts';
import type { HeardMachines } from './machines/heard-machines.ts';
import { openRemoteSource, openSource } from './open-source.ts';
import { ProblemLog } from './problem-log.ts';
import { forgetRemote, rememberedRemotes, withMemory } from './remember-clusters.ts';
import { RemoteClusters } from './remote-clusters.ts';

export interface Clusters {
  readonly primary: ClusterRegistry;
  readonly remotes: RemoteClusters;
  /** Host names of their gateways. */
  readonly gatewayNames: GatewayNames;
}

export interface OpenClustersOptions {
  readonly config: ServeConfig;
  readonly mesh: MeshConfig;
  readonly meshNetworks: MeshNetworks;
  readonly log: Log;
  /** Hears of every object that a cluster tells. */
  readonly onEvent: (event: ObjectEvent) => void;
  /** Hears of Secrets of a primary that is a directory. */
  readonly secrets?: DirectorySecrets | undefined;
  /** Hears of the primary's WorkloadGroups and of what registered in them. */
  readonly machines: HeardMachines;
  /** Hears of the primary's objects as its API server has them. */
  readonly sightings?: ObjectSightings | undefined;
  /** Runs a function once what has arrived in this turn of the event loop was read. */
  readonly atEndOfTurn?: ((run: () => void) => void) | undefined;
}

/** Makes the primary's registry and the set of remotes; nothing is read of them yet. @throws ConfigError */
export async function openClusters(options: OpenClustersOptions): Promise<Clusters> {
  const { config, mesh, meshNetworks, log, onEvent, sightings, atEndOfTurn } = options;
  const { clusterId, systemNamespace, stateDir } = config;
  const gatewayNames = new GatewayNames({
    lookUp: lookUpName,
    clock: systemClock,
    random: Math.random,
    onChange: () => {
      primary.refreshGateways();
      remotes.refreshGateways();
    },
  });
  const resolve = (hostname: string): ResolvedName => gatewayNames.resolve(hostname);
  const peek = (hostname: string): ResolvedName => gatewayNames.peek(hostname);
  const shared = { config: mesh, now: Date.now, resolve, peek };
  const opened = openSource(config.primary, { scope: 'primary', systemNamespace, sightings, atEndOfTurn });
  const source = countEvents(options.secrets?.hearing(opened) ?? opened, onEvent);
  const primary = new ClusterRegistry({
    ...shared,
    meshNetworks,
    clusterId,
    mode: 'primary',
    source: options.machines.hearing(withMemory(source, { clusterId, stateDir }).source),
    network: config.network,
  });
  const remotes = new RemoteClusters({
    fixed: config.remotes,
    staleRule: { policy: config.stalePolicy, afterMs: config.staleAfterMs },
    meshNetworks,
    remembered: await rememberedRemotes(stateDir, clusterId),
    open: ({ spec, generation, isLater, meshNetworks: networks }) => {
      const remote = openRemoteSource(spec, { systemNamespace, allow: config.remoteAllowances, atEndOfTurn });
      const memory = withMemory(countEvents(remote, onEvent), { clusterId: spec.clusterId, stateDir, isLater });
      const registry = new ClusterRegistry({
        ...shared,
        meshNetworks: networks,
        clusterId: spec.clusterId,
        mode: 'discovery-only',
        source: memory.source,
        network: spec.network,
        generation,
        staleRule: spec.staleRule,
      });
      return { registry, takeOver: () => memory.takeOver() };
    },
    forget: async (id) => {
      log.info({ cluster: id }, 'the cluster is no remote any more');
      await forgetRemote(stateDir, id);
    },
    now: Date.now,
    onStatus: logStatuses(log),
    onFailure: (id, error) => log.error({ cluster: id, error }, 'reading the cluster ended by an error'),
  });
  return { primary, remotes, gatewayNames };
}

/** Reads all clusters into the mesh until stopped, and logs phases and findings as they change. */
export function runClusters(parts: {
  readonly clusters: Clusters;
  readonly store: MeshStore;
  readonly log: Log;
  readonly started: Started;
}): void {
  const { clusters, store, log, started } = parts;
  const { primary, remotes, gatewayNames } = clusters;
  const logStatus = logStatuses(log);
  const stop = new AbortController();
  primary.onChange(() => logStatus(primary.status()));
  store.add(primary);
  remotes.start(store, primary);
  const run = primary.run(stop.signal);
  started.add('clusters', async () => {
    stop.abort();
    await Promise.all([run, remotes.stop(), gatewayNames.close()]);
  });
}

/** Logs each change of a cluster's phase, and its findings as they come and go. */
function logStatuses(log: Log): (status: ClusterStatus) => void {
  const problems = new ProblemLog(log);
  const phases = new Map<ClusterId, ClusterPhase>();
  return (status) => {
    const { clusterId, phase } = status;
    problems.update(status);
    if ((phases.get(clusterId) ?? 'connecting') === phase) return;
    phases.set(clusterId, phase);
    const level = phase === 'stale' || phase === 'failed' ? 'warn' : 'info';
    const reason = level === 'warn' ? { reason: status.error } : {};
    log[level]({ cluster: clusterId, phase, ...reason }, 'the cluster is in another phase');
  };
}
