// The set of remote clusters while the instance runs. In: `--remote`, and the Secrets of the primary as they are at present.
// Out: in the mesh, one registry for each. What a cluster is read with may change: a new generation then reads beside the old
// one, which serves until the new one has synced, so nothing is withdrawn in between, and for ever if that never happens.

import type { ClusterFeed, MeshStore } from '../discovery/mesh/mesh-store.ts';
import type { ClusterSnapshot, ClusterStatus } from '../discovery/model/cluster-snapshot.ts';
import type { MeshNetworks } from '../discovery/model/mesh-config.ts';
import { networkId, type ClusterId } from '../discovery/model/names.ts';
import type { RemoteSecret } from '../discovery/model/remote-secret.ts';
import type { StaleRule } from '../discovery/model/stale-rule.ts';
import type { ClusterRegistry } from '../discovery/registry/cluster-registry.ts';
import type { RemoteConfig } from './config.ts';
import { RemoteGeneration, type OpenedRemote } from './remote-generation.ts';
import { planRemotes, readsTheSame, type PlannedRemote, type RemoteSpec } from './remote-spec.ts';
import { remoteStatus } from './remote-status.ts';

export interface OpenRemoteOptions {
  readonly spec: RemoteSpec;
  /** Counts from 1 for each cluster. */
  readonly generation: number;
  /** An earlier generation of the cluster has not ended. */
  readonly isLater: boolean;
  readonly meshNetworks: MeshNetworks;
}

export interface RemoteClustersOptions {
  /** From `--remote`. */
  readonly fixed: readonly RemoteConfig[];
  /** Of the instance, for what a Secret leaves open. */
  readonly staleRule: StaleRule;
  readonly meshNetworks: MeshNetworks;
  /** Clusters that are remembered from before this process started. They are served until the primary says what they are. */
  readonly remembered?: readonly ClusterId[] | undefined;
  readonly open: (options: OpenRemoteOptions) => OpenedRemote;
  /** The cluster is no remote any more, and what it left can go. */
  readonly forget?: ((clusterId: ClusterId) => Promise<void>) | undefined;
  /** The status of a remote may have changed. */
  readonly onStatus?: ((status: ClusterStatus) => void) | undefined;
  readonly onFailure: (clusterId: ClusterId, error: unknown) => void;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** What is needed of the primary's registry. */
export interface RemoteDeclarations {
  readonly synced: boolean;
  readonly snapshot: Pick<ClusterSnapshot, 'remoteSecrets'>;
  onChange(listener: () => void): () => void;
}

interface Remote {
  planned: PlannedRemote;
  /** The first one serves; a second one is to replace it. */
  generations: readonly RemoteGeneration[];
}

const noSecrets: readonly RemoteSecret[] = Object.freeze([]);

export class RemoteClusters {
  readonly #options: RemoteClustersOptions;
  readonly #remotes = new Map<ClusterId, Remote>();
  /** How many generations of a cluster are being stopped. */
  readonly #stopping = new Map<ClusterId, number>();
  readonly #tasks = new Set<Promise<void>>();
  readonly #counts = new Map<ClusterId, number>();
  #meshNetworks: MeshNetworks;
  #store: MeshStore | undefined;
  #unsubscribe: () => void = () => undefined;
  #ended = false;

  constructor(options: RemoteClustersOptions) {
    this.#options = options;
    this.#meshNetworks = options.meshNetworks;
  }

  /** Starts what the options name and what is remembered, and follows the Secrets once the primary has synced. */
  start(store: MeshStore, primary: RemoteDeclarations): void {
    this.#store = store;
    const { fixed, staleRule, remembered = [] } = this.#options;
    const planned = new Map(planRemotes(fixed, noSecrets, staleRule));
    for (const clusterId of remembered) {
      const spec: RemoteSpec = { clusterId, location: { kind: 'unknown' }, network: networkId('') };
      if (!planned.has(clusterId)) planned.set(clusterId, { spec, shadowed: [] });
    }
    this.#apply(planned);
    let before: readonly RemoteSecret[] | undefined;
    const follow = (): void => {
      // A Secret that was not told yet is not one that is gone.
      if (!primary.synced) return;
      const secrets = primary.snapshot.remoteSecrets ?? noSecrets;
      if (secrets === before) return;
      before = secrets;
      this.#apply(planRemotes(fixed, secrets, staleRule));
    };
    this.#unsubscribe = primary.onChange(follow);
    follow();
  }

  /** The registries that serve at present, by cluster. */
  registries(): readonly ClusterRegistry[] {
    return [...this.#remotes.values()].flatMap(({ generations }) => generations[0]?.registry ?? []);
  }

  /** To be told by the mesh: it has no more use for this registry. */
  retire(feed: ClusterFeed): void {
    const remote = this.#remotes.get(feed.clusterId);
    const retired = remote?.generations.find(({ registry }) => registry === feed);
    if (remote === undefined || retired === undefined) return;
    remote.generations = remote.generations.filter((generation) => generation !== retired);
    this.#stop(feed.clusterId, retired);
    this.#tell(feed.clusterId);
  }

  updateNetworks(meshNetworks: MeshNetworks): void {
    this.#meshNetworks = meshNetworks;
    for (const { generations } of this.#remotes.values()) {
      for (const { registry } of generations) registry.updateNetworks(meshNetworks);
    }
  }

  /** What is known of the host names of gateways has changed. */
  refreshGateways(): void {
    for (const { generations } of this.#remotes.values()) {
      for (const { registry } of generations) registry.refreshGateways();
    }
  }

  /** A status of the mesh with what only this set knows: Secrets, their findings, and credentials that are being tried. */
  describe(status: ClusterStatus): ClusterStatus {
    const remote = this.#remotes.get(status.clusterId);
    if (remote === undefined) return status;
    const [current, next] = remote.generations;
    return remoteStatus(status, {
      planned: remote.planned,
      current: current?.spec,
      next: next?.registry.status(),
      expiresAtMs: remote.generations.at(-1)?.credentialExpiryMs,
      nowMs: this.#options.now(),
    });
  }

  /** Everything that was started has ended. */
  async stop(): Promise<void> {
    this.#ended = true;
    this.#unsubscribe();
    for (const [clusterId, remote] of this.#remotes) {
      for (const generation of remote.generations) this.#stop(clusterId, generation);
    }
    this.#remotes.clear();
    await Promise.all(this.#tasks);
  }

  #apply(planned: ReadonlyMap<ClusterId, PlannedRemote>): void {
    for (const clusterId of this.#remotes.keys()) if (!planned.has(clusterId)) this.#remove(clusterId);
    for (const [clusterId, plan] of planned) {
      const remote = this.#remotes.get(clusterId) ?? { planned: plan, generations: [] };
      this.#remotes.set(clusterId, remote);
      remote.planned = plan;
      const last = remote.generations.at(-1);
      if (last === undefined || !readsTheSame(last.spec, plan.spec)) this.#begin(clusterId, remote);
      // An operator who drops a cluster that can't be reached must not have to wait until it can be.
      for (const { registry } of remote.generations) registry.updateStaleRule(plan.spec.staleRule);
      this.#tell(clusterId);
    }
  }

  #begin(clusterId: ClusterId, remote: Remote): void {
    // One that serves nothing is not worth waiting for a better one.
    if (remote.generations.every(({ isEmpty }) => isEmpty)) this.#store?.remove(clusterId);
    const count = (this.#counts.get(clusterId) ?? 0) + 1;
    this.#counts.set(clusterId, count);
    const { spec } = remote.planned;
    const isLater = remote.generations.length > 0 || this.#stopping.has(clusterId);
    const generation = new RemoteGeneration({
      spec,
      opened: this.#options.open({ spec, generation: count, isLater, meshNetworks: this.#meshNetworks }),
      onChange: () => this.#tell(clusterId),
      onFailure: (error) => this.#options.onFailure(clusterId, error),
    });
    remote.generations = [...remote.generations, generation];
    this.#store?.add(generation.registry);
  }

  #remove(clusterId: ClusterId): void {
    // While it is still listed here, so that the mesh can hand back what it retires.
    this.#store?.remove(clusterId);
    this.#remotes.delete(clusterId);
    this.#counts.delete(clusterId);
  }

  #stop(clusterId: ClusterId, generation: RemoteGeneration): void {
    this.#stopping.set(clusterId, (this.#stopping.get(clusterId) ?? 0) + 1);
    const task = this.#finish(clusterId, generation);
    this.#tasks.add(task);
    void task.finally(() => this.#tasks.delete(task));
  }

  async #finish(clusterId: ClusterId, generation: RemoteGeneration): Promise<void> {
    await generation.stop();
    const left = (this.#stopping.get(clusterId) ?? 1) - 1;
    if (left > 0) this.#stopping.set(clusterId, left);
    else this.#stopping.delete(clusterId);
    if (left > 0 || this.#ended) return;
    const remote = this.#remotes.get(clusterId);
    if (remote !== undefined) {
      remote.generations[0]?.takeOver();
      return;
    }
    try {
      await this.#options.forget?.(clusterId);
    } catch (error) {
      this.#options.onFailure(clusterId, error);
    }
  }

  #tell(clusterId: ClusterId): void {
    const serving = this.#remotes.get(clusterId)?.generations[0];
    if (serving !== undefined) this.#options.onStatus?.(this.describe(serving.registry.status()));
  }
}
