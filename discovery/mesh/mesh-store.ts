// All clusters merged into one mesh. Registries are added and removed while it runs; after each turn in which one of them
// changed, the hosts that differ are merged again and listeners get the next snapshot with what changed. The result depends
// on the clusters' snapshots alone, not on the order in which they came.

import { isDeepStrictEqual } from 'node:util';
import { isEmpty, type ChangeSet } from '../model/change-set.ts';
import type { ClusterMode, ClusterSnapshot, ClusterStatus } from '../model/cluster-snapshot.ts';
import type { Endpoint } from '../model/endpoint.ts';
import { noMeshNetworks, type MeshConfig, type MeshNetworks } from '../model/mesh-config.ts';
import type { MeshSnapshot, MeshStatus } from '../model/mesh-snapshot.ts';
import type { ClusterId, Hostname } from '../model/names.ts';
import { compareText } from '../model/network-gateway.ts';
import { PersistentMap } from '../model/persistent-map.ts';
import type { Problem } from '../model/problem.ts';
import type { MeshService, PortConflict } from '../model/service.ts';
import { keepStale, type StaleRule } from '../model/stale-rule.ts';
import type { Workload } from '../model/workload.ts';
import { AllocatedAddresses, TentativeAddresses } from './allocated-addresses.ts';
import { groupGateways, meshNetworkGateways } from './gateways-by-network.ts';
import { serviceEntryFindings } from './service-entry-findings.ts';
import { outageConditions } from './outage-conditions.ts';
import { mergeMesh, type MergeInputs } from './merge-mesh.ts';
import { emptyPolicyIndex } from './policy-index.ts';
import { portConditions } from './port-conditions.ts';
import { rootConditions } from './root-conditions.ts';
import { StaleClusters, systemStaleTimer, type StaleTimer } from './stale-clusters.ts';

/** What the mesh needs of a cluster; a `ClusterRegistry` is one. */
export interface ClusterFeed {
  readonly clusterId: ClusterId;
  readonly mode: ClusterMode;
  readonly synced: boolean;
  readonly snapshot: ClusterSnapshot;
  /** Since when it is not heard any more, in milliseconds since the epoch; undefined while it is. */
  readonly staleSinceMs?: number | undefined;
  /** Where it differs from the mesh's rule. */
  readonly staleRule?: StaleRule | undefined;
  status(): ClusterStatus;
  onChange(listener: () => void): () => void;
}

export interface MeshStoreOptions {
  readonly primary: ClusterId;
  readonly config: MeshConfig;
  readonly meshNetworks?: MeshNetworks | undefined;
  /** Runs a function after the current turn; tests pass their own. */
  readonly schedule?: ((run: () => void) => void) | undefined;
  /** Told when a cluster's later generation has taken over: the earlier one may be stopped. */
  readonly onRetired?: ((feed: ClusterFeed) => void) | undefined;
  /** For remotes that can't be reached and have no rule of their own. `keep` when left out. */
  readonly staleRule?: StaleRule | undefined;
  readonly timer?: StaleTimer | undefined;
}

export type MeshListener = (snapshot: MeshSnapshot, change: ChangeSet) => void;

export interface MeshPreview {
  readonly before: MeshSnapshot;
  readonly after: MeshSnapshot;
  /** What differs between the two. */
  readonly change: ChangeSet;
  /** What the primary's ServiceEntries declare, in either. */
  readonly serviceEntriesBefore: ClusterSnapshot['serviceEntries'];
  readonly serviceEntries: ClusterSnapshot['serviceEntries'];
}

interface Slot {
  current: { readonly feed: ClusterFeed; readonly unsubscribe: () => void };
  /** A later generation that has not synced yet. */
  next?: { readonly feed: ClusterFeed; readonly unsubscribe: () => void } | undefined;
}

export class MeshStore {
  readonly #options: MeshStoreOptions;
  readonly #schedule: (run: () => void) => void;
  readonly #slots = new Map<ClusterId, Slot>();
  readonly #listeners = new Set<MeshListener>();
  /** What of each cluster is in the snapshot. */
  #merged = new Map<ClusterId, ClusterSnapshot>();
  #snapshot: MeshSnapshot;
  #meshNetworks: MeshNetworks;
  #ownRoots: string | undefined;
  #tokenKeys: ReadonlyMap<string, string> = new Map();
  #everything = false;
  #scheduled = false;
  /** Sockets (`socketOf`) of gateways to which nothing is to be sent. */
  #deadSockets: ReadonlySet<string> = new Set();
  readonly #stale: StaleClusters;
  readonly #allocated = new AllocatedAddresses();
  /** Services whose ports are not the same everywhere. */
  readonly #conflicts = new Map<Hostname, readonly PortConflict[]>();

  constructor(options: MeshStoreOptions) {
    this.#options = options;
    this.#stale = new StaleClusters({
      rule: options.staleRule ?? keepStale,
      timer: options.timer ?? systemStaleTimer,
      onDue: () => this.#touch(),
    });
    this.#schedule = options.schedule ?? ((run) => setImmediate(run));
    this.#meshNetworks = options.meshNetworks ?? noMeshNetworks;
    this.#snapshot = {
      primary: options.primary,
      config: options.config,
      services: PersistentMap.empty<Hostname, MeshService>(),
      endpoints: PersistentMap.empty<Hostname, readonly Endpoint[]>(),
      gateways: groupGateways(meshNetworkGateways(this.#meshNetworks)),
      deadGateways: new Map(),
      degradedClusters: new Set(),
      droppedClusters: new Set(),
      workloads: PersistentMap.empty<string, Workload>(),
      policies: emptyPolicyIndex,
      tokenKeys: this.#tokenKeys,
    };
  }

  get snapshot(): MeshSnapshot {
    return this.#snapshot;
  }

  /** Returns the function that ends the subscription. */
  onChange(listener: MeshListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** A cluster that is there already goes on serving its old registry until the new one has synced. */
  add(feed: ClusterFeed): void {
    const slot = this.#slots.get(feed.clusterId);
    const entry = { feed, unsubscribe: feed.onChange(() => this.#touch()) };
    if (slot === undefined) this.#slots.set(feed.clusterId, { current: entry });
    else {
      if (slot.next !== undefined) this.#retire(slot.next);
      slot.next = entry;
    }
    this.#touch();
  }

  /** The cluster's services, endpoints and gateways go, and nothing else. */
  remove(clusterId: ClusterId): void {
    const slot = this.#slots.get(clusterId);
    if (slot === undefined) return;
    this.#slots.delete(clusterId);
    this.#retire(slot.current);
    if (slot.next !== undefined) this.#retire(slot.next);
    this.#touch();
  }

  updateConfig(config: MeshConfig): void {
    if (isDeepStrictEqual(config, this.#snapshot.config)) return;
    this.#snapshot = { ...this.#snapshot, config };
    this.#everything = true;
    this.#touch();
  }

  updateNetworks(meshNetworks: MeshNetworks): void {
    if (isDeepStrictEqual(meshNetworks, this.#meshNetworks)) return;
    this.#meshNetworks = meshNetworks;
    this.#everything = true;
    this.#touch();
  }

  /** These sockets (`socketOf`) don't answer any more: their gateways leave the mesh until they are not named again. */
  setDeadGateways(sockets: ReadonlySet<string>): void {
    if (isDeepStrictEqual(sockets, this.#deadSockets)) return;
    this.#deadSockets = new Set(sockets);
    this.#touch();
  }

  /** Key sets that were fetched for RequestAuthentications, by `keyLocationId`. */
  setTokenKeys(keys: ReadonlyMap<string, string>): void {
    if (isDeepStrictEqual(keys, this.#tokenKeys)) return;
    this.#tokenKeys = new Map(keys);
    this.#touch();
  }

  /** No timer runs any more. */
  close(): void {
    this.#stale.close();
  }

  /** PEM of the roots that this instance signs under, to compare with what remote clusters publish. */
  setOwnRoots(pem: string): void {
    this.#ownRoots = pem;
  }

  /** The primary first, then by name. */
  clusterStatuses(): readonly ClusterStatus[] {
    return this.#ordered().flatMap((clusterId) => {
      const feed = this.#slots.get(clusterId)?.current.feed;
      return feed === undefined ? [] : [this.#statusOf(feed)];
    });
  }

  status(): MeshStatus {
    const clusters = this.clusterStatuses();
    const objects = clusters.flatMap(({ problems }) => problems.flatMap(({ object }) => object ?? []));
    return { clusters, problemObjects: new Set(objects) };
  }

  /** Findings about ServiceEntries that are not in force for one of their hosts. */
  serviceEntryFindings(): readonly Problem[] {
    const { serviceEntries } = this.#merged.get(this.#options.primary) ?? {};
    return [...serviceEntryFindings(serviceEntries, this.#snapshot)];
  }

  /** Merges what changed and tells it now instead of after the turn. */
  flush(): void {
    this.#scheduled = false;
    this.#promote();
    const change = this.#merge();
    if (isEmpty(change)) return;
    for (const listener of this.#listeners) listener(this.#snapshot, change);
  }

  /** The mesh as it would be with another state of the primary, and, where given, another configuration. Nothing changes here. */
  preview(primary: ClusterSnapshot, config: MeshConfig = this.#snapshot.config): MeshPreview {
    // What has changed already is not to look as if it followed from the question.
    if (this.#scheduled) this.flush();
    const { degradedClusters, droppedClusters } = this.#snapshot;
    const isSameConfig = isDeepStrictEqual(config, this.#snapshot.config);
    const allocated = new TentativeAddresses(this.#allocated);
    const inputs = this.#inputs();
    const clusters = new Map(this.#merged).set(this.#options.primary, primary);
    try {
      const { snapshot, change } = mergeMesh({
        ...inputs,
        old: isSameConfig ? inputs.old : { ...inputs.old, config },
        stale: { degradedClusters, droppedClusters },
        clusters,
        everything: !isSameConfig,
        allocated,
      });
      return {
        before: this.#snapshot,
        after: snapshot,
        change,
        serviceEntriesBefore: this.#merged.get(primary.clusterId)?.serviceEntries,
        serviceEntries: primary.serviceEntries,
      };
    } finally {
      allocated.undo();
    }
  }

  #statusOf(feed: ClusterFeed): ClusterStatus {
    const status = feed.status();
    if (feed.mode === 'primary') return status;
    const found = [
      ...rootConditions(feed.snapshot.publishedRoots, this.#ownRoots),
      ...outageConditions(feed.clusterId, this.#snapshot),
      ...portConditions(feed.clusterId, this.#conflicts),
    ];
    return { ...status, conditions: [...status.conditions, ...found] };
  }

  #touch(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#schedule(() => {
      if (this.#scheduled) this.flush();
    });
  }

  #retire(entry: Slot['current']): void {
    entry.unsubscribe();
    this.#options.onRetired?.(entry.feed);
  }

  #promote(): void {
    for (const slot of this.#slots.values()) {
      if (slot.next?.feed.synced !== true) continue;
      const old = slot.current;
      slot.current = slot.next;
      slot.next = undefined;
      this.#retire(old);
    }
  }

  #ordered(): ClusterId[] {
    const { primary } = this.#options;
    return [...this.#slots.keys()].toSorted(
      (a, b) => Number(b === primary) - Number(a === primary) || compareText(a, b),
    );
  }

  #merge(): ChangeSet {
    const feeds = this.#ordered().flatMap((id) => this.#slots.get(id)?.current.feed ?? []);
    const stale = this.#stale.assess(feeds, this.#snapshot);
    const clusters = new Map<ClusterId, ClusterSnapshot>();
    for (const { clusterId, snapshot } of feeds) {
      clusters.set(clusterId, stale.droppedClusters.has(clusterId) ? withoutEndpoints(snapshot) : snapshot);
    }
    const { snapshot, change, conflicts } = mergeMesh({
      ...this.#inputs(),
      stale,
      clusters,
      everything: this.#everything,
      allocated: this.#allocated,
    });
    this.#merged = clusters;
    this.#everything = false;
    this.#snapshot = snapshot;
    for (const [host, found] of conflicts) {
      if (found.length > 0) this.#conflicts.set(host, found);
      else this.#conflicts.delete(host);
    }
    return change;
  }

  #inputs(): Pick<MergeInputs, 'old' | 'before' | 'meshNetworks' | 'deadSockets' | 'tokenKeys'> {
    return {
      old: this.#snapshot,
      before: this.#merged,
      meshNetworks: this.#meshNetworks,
      deadSockets: this.#deadSockets,
      tokenKeys: this.#tokenKeys,
    };
  }
}

/** Its services stay declared: who calls one is told that nothing is there, instead of being sent wherever its name resolves. */
function withoutEndpoints(snapshot: ClusterSnapshot): ClusterSnapshot {
  return { ...snapshot, endpoints: PersistentMap.empty<Hostname, readonly Endpoint[]>() };
}
