// All clusters merged into one mesh. Registries are added and removed while it runs; after each turn in which one of them
// changed, the hosts that differ are merged again and listeners get the next snapshot with what changed. The result depends
// on the clusters' snapshots alone, not on the order in which they came.

import { isDeepStrictEqual } from 'node:util';
import { isEmpty, noChange, type ChangeSet } from '../model/change-set.ts';
import type { ClusterMode, ClusterSnapshot, ClusterStatus } from '../model/cluster-snapshot.ts';
import type { Endpoint } from '../model/endpoint.ts';
import { noMeshNetworks, type MeshConfig, type MeshNetworks } from '../model/mesh-config.ts';
import type { MeshSnapshot, MeshStatus } from '../model/mesh-snapshot.ts';
import type { ClusterId, Hostname, ObjectKey } from '../model/names.ts';
import { compareText, socketOf, type NetworkGateway } from '../model/network-gateway.ts';
import { PersistentMap } from '../model/persistent-map.ts';
import type { Problem } from '../model/problem.ts';
import type { MeshService, PortConflict } from '../model/service.ts';
import { keepStale, type StaleRule } from '../model/stale-rule.ts';
import type { Workload } from '../model/workload.ts';
import { AllocatedAddresses } from './allocated-addresses.ts';
import { isClusterLocal } from './cluster-local.ts';
import { groupGateways, meshNetworkGateways } from './gateways-by-network.ts';
import { mergeHost } from './merge-host.ts';
import { mergeServiceEntries } from './merge-service-entries.ts';
import { serviceEntryFindings } from './service-entry-findings.ts';
import { outageConditions } from './outage-conditions.ts';
import { emptyPolicyIndex, updatePolicyIndex } from './policy-index.ts';
import { portConditions } from './port-conditions.ts';
import { rootConditions } from './root-conditions.ts';
import { policiesWithOtherKeys } from './token-keys.ts';
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
    const order = this.#ordered();
    const before = this.#merged;
    const feeds = order.flatMap((id) => this.#slots.get(id)?.current.feed ?? []);
    const stale = this.#stale.assess(feeds, this.#snapshot);
    const now = new Map<ClusterId, ClusterSnapshot>();
    for (const { clusterId, snapshot } of feeds) {
      now.set(clusterId, stale.droppedClusters.has(clusterId) ? withoutEndpoints(snapshot) : snapshot);
    }
    this.#merged = now;
    const hosts = this.#everything ? allHosts(before, now) : changedHosts(before, now);
    const { services, endpoints } = this.#mergeHosts(hosts, order);
    const primaryBefore = before.get(this.#options.primary);
    const primary = now.get(this.#options.primary);
    const workloads = primary?.workloads ?? PersistentMap.empty<string, Workload>();
    const changedPolicies = changedKeys(primaryBefore?.policies, primary?.policies);
    const old = this.#snapshot;
    const { gateways, deadGateways } = this.#gateways(now);
    this.#snapshot = {
      ...old,
      ...stale,
      services,
      endpoints,
      gateways,
      deadGateways,
      workloads: primaryBefore?.workloads === primary?.workloads ? old.workloads : workloads,
      policies: updatePolicyIndex(
        old.policies,
        [...changedPolicies].map((key) => ({
          key,
          before: primaryBefore?.policies.get(key),
          after: primary?.policies.get(key),
        })),
      ),
    };
    if (old.tokenKeys !== this.#tokenKeys) this.#snapshot = { ...this.#snapshot, tokenKeys: this.#tokenKeys };
    const { requestAuthentications } = this.#snapshot.policies;
    const rekeyed = policiesWithOtherKeys(requestAuthentications, old.tokenKeys, this.#tokenKeys);
    const everything = this.#everything;
    this.#everything = false;
    const change: ChangeSet = {
      services: new Set(services.changedSince(old.services)),
      endpoints: new Set(endpoints.changedSince(old.endpoints)).union(
        this.#hostsOf(old.degradedClusters.symmetricDifference(stale.degradedClusters)),
      ),
      policies: changedPolicies.union(rekeyed),
      workloads: new Set(this.#snapshot.workloads.changedSince(old.workloads)),
      gateways: gateways !== old.gateways || deadGateways !== old.deadGateways,
      everything,
    };
    if (!isEmpty(change)) return change;
    const isSame = old.degradedClusters === stale.degradedClusters && old.droppedClusters === stale.droppedClusters;
    // No proxy need be told, but readers are: a cluster without endpoints may be degraded, too.
    const kept = old.tokenKeys === this.#tokenKeys ? old : { ...old, tokenKeys: this.#tokenKeys };
    this.#snapshot = isSame ? kept : { ...kept, ...stale };
    return noChange;
  }

  /** Hosts with endpoints in any of these clusters. */
  #hostsOf(clusters: ReadonlySet<ClusterId>): ReadonlySet<Hostname> {
    const hosts = new Set<Hostname>();
    for (const id of clusters) for (const host of this.#merged.get(id)?.endpoints.keys() ?? []) hosts.add(host);
    return hosts;
  }

  #mergeHosts(hosts: Iterable<Hostname>, order: readonly ClusterId[]): Pick<MeshSnapshot, 'services' | 'endpoints'> {
    const old = this.#snapshot;
    const mergedServices = new Map<Hostname, MeshService | undefined>();
    const endpoints: [Hostname, readonly Endpoint[] | undefined][] = [];
    for (const host of hosts) {
      const contributions = order.flatMap((id) => {
        const cluster = this.#merged.get(id);
        const service = cluster?.services.get(host);
        return service === undefined ? [] : [{ service, endpoints: cluster?.endpoints.get(host) ?? [] }];
      });
      const clusterLocalHost = isClusterLocal(host, old.config);
      // What a cluster runs under a name is that name's, whatever a ServiceEntry says.
      const merged =
        contributions.length > 0
          ? mergeHost(host, contributions, clusterLocalHost)
          : this.#mergeEntries(host, clusterLocalHost);
      mergedServices.set(host, merged?.service);
      const { conflicts = [], clusterLocal = true } = merged?.service ?? {};
      if (conflicts.length > 0 && !clusterLocal) this.#conflicts.set(host, conflicts);
      else this.#conflicts.delete(host);
      const list = merged === undefined || merged.endpoints.length === 0 ? undefined : merged.endpoints;
      if (!isDeepStrictEqual(old.endpoints.get(host), list)) endpoints.push([host, list]);
    }
    return { services: this.#withAddresses(mergedServices), endpoints: old.endpoints.with(endpoints) };
  }

  #mergeEntries(host: Hostname, clusterLocal: boolean): ReturnType<typeof mergeServiceEntries> {
    const { primary } = this.#options;
    const declared = this.#merged.get(primary)?.serviceEntries?.get(host) ?? [];
    return mergeServiceEntries(declared, { primary, clusterLocal });
  }

  /** The services before with these in their place, and new addresses for whatever must have others now. */
  #withAddresses(merged: ReadonlyMap<Hostname, MeshService | undefined>): MeshSnapshot['services'] {
    const old = this.#snapshot.services;
    const moved = this.#allocated.update([...merged].map(([host, service]) => [host, wantsAddress(service)] as const));
    const services: [Hostname, MeshService | undefined][] = [];
    for (const host of moved.union(merged)) {
      const before = old.get(host);
      const service = merged.has(host) ? merged.get(host) : before;
      const after = service === undefined ? undefined : withAllocated(service, this.#allocated.of(host));
      if (!isDeepStrictEqual(before, after)) services.push([host, after]);
    }
    return old.with(services);
  }

  #gateways(clusters: ReadonlyMap<ClusterId, ClusterSnapshot>): Pick<MeshSnapshot, 'gateways' | 'deadGateways'> {
    const all = meshNetworkGateways(this.#meshNetworks);
    for (const { gateways } of clusters.values()) all.push(...gateways);
    const isDead = (gateway: NetworkGateway): boolean => this.#deadSockets.has(socketOf(gateway));
    const gateways = groupGateways(all.filter((gateway) => !isDead(gateway)));
    const deadGateways = groupGateways(all.filter(isDead));
    const old = this.#snapshot;
    return {
      gateways: isDeepStrictEqual(gateways, old.gateways) ? old.gateways : gateways,
      deadGateways: isDeepStrictEqual(deadGateways, old.deadGateways) ? old.deadGateways : deadGateways,
    };
  }
}

/** Hosts are told apart by what all clusters see alike: an address is not to depend on which cluster asks, or was read first. */
function wantsAddress(service: MeshService | undefined): boolean {
  if (service === undefined || service.kind === 'external-name' || service.clusterLocal) return false;
  return [service, ...(service.others ?? [])].some(wantsOwnAddress);
}

/** A connection to an address of ours would go nowhere when it is to go where it was meant; and a pattern is nobody's name. */
function wantsOwnAddress({ host, addresses, entry }: MeshService): boolean {
  if (entry === undefined) return true;
  const hasNone = entry.ranges.length === 0 && [...addresses.values()].every((list) => list.length === 0);
  return hasNone && entry.resolution !== 'none' && !host.startsWith('*');
}

function withAllocated(service: MeshService, allocated: readonly string[]): MeshService {
  const { others } = service;
  const allocatedAddresses = wantsOwnAddress(service) ? allocated : [];
  if (others === undefined) return { ...service, allocatedAddresses };
  return { ...service, allocatedAddresses, others: others.map((other) => withAllocated(other, allocated)) };
}

/** Its services stay declared: who calls one is told that nothing is there, instead of being sent wherever its name resolves. */
function withoutEndpoints(snapshot: ClusterSnapshot): ClusterSnapshot {
  return { ...snapshot, endpoints: PersistentMap.empty<Hostname, readonly Endpoint[]>() };
}

type Clusters = ReadonlyMap<ClusterId, ClusterSnapshot>;

function changedHosts(before: Clusters, now: Clusters): ReadonlySet<Hostname> {
  const hosts = new Set<Hostname>();
  for (const id of new Set([...before.keys(), ...now.keys()])) {
    for (const host of changedKeys(before.get(id)?.services, now.get(id)?.services)) hosts.add(host);
    for (const host of changedKeys(before.get(id)?.endpoints, now.get(id)?.endpoints)) hosts.add(host);
    for (const host of changedKeys(before.get(id)?.serviceEntries, now.get(id)?.serviceEntries)) hosts.add(host);
  }
  return hosts;
}

function allHosts(before: Clusters, now: Clusters): ReadonlySet<Hostname> {
  const hosts = new Set<Hostname>();
  for (const clusters of [before, now]) {
    for (const { services, serviceEntries } of clusters.values()) {
      for (const host of services.keys()) hosts.add(host);
      for (const host of serviceEntries?.keys() ?? []) hosts.add(host);
    }
  }
  return hosts;
}

function changedKeys<K extends Hostname | ObjectKey, V>(
  before: PersistentMap<K, V> | undefined,
  now: PersistentMap<K, V> | undefined,
): ReadonlySet<K> {
  const empty = PersistentMap.empty<K, V>();
  return new Set((now ?? empty).changedSince(before ?? empty));
}
