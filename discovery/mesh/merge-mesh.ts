// All clusters merged into the next state of the mesh, again only where something differs. In: the state before, what each cluster is now.
// Out: the next state, which shares what did not change, what differs, and where the ports of clusters don't fit. Pure but for the addresses
// that are allocated.

import { isDeepStrictEqual } from 'node:util';
import { isEmpty, noChange, type ChangeSet } from '../model/change-set.ts';
import type { ClusterSnapshot } from '../model/cluster-snapshot.ts';
import type { Endpoint } from '../model/endpoint.ts';
import type { MeshNetworks } from '../model/mesh-config.ts';
import type { MeshSnapshot } from '../model/mesh-snapshot.ts';
import type { ClusterId, Hostname, ObjectKey } from '../model/names.ts';
import { socketOf, type NetworkGateway } from '../model/network-gateway.ts';
import { PersistentMap } from '../model/persistent-map.ts';
import type { MeshService, PortConflict } from '../model/service.ts';
import type { Workload } from '../model/workload.ts';
import type { AllocatedAddresses } from './allocated-addresses.ts';
import { isClusterLocal } from './cluster-local.ts';
import { groupGateways, meshNetworkGateways } from './gateways-by-network.ts';
import { mergeHost } from './merge-host.ts';
import { mergeServiceEntries } from './merge-service-entries.ts';
import { updatePolicyIndex } from './policy-index.ts';
import type { StaleStates } from './stale-clusters.ts';
import { policiesWithOtherKeys } from './token-keys.ts';

/** By cluster, the primary first, then by name. */
export type Clusters = ReadonlyMap<ClusterId, ClusterSnapshot>;

export interface MergeInputs {
  readonly old: MeshSnapshot;
  /** What of each cluster is in `old`. */
  readonly before: Clusters;
  readonly clusters: Clusters;
  readonly stale: StaleStates;
  readonly meshNetworks: MeshNetworks;
  /** Sockets (`socketOf`) of gateways to which nothing is to be sent. */
  readonly deadSockets: ReadonlySet<string>;
  readonly tokenKeys: ReadonlyMap<string, string>;
  /** Configuration differs: every host is merged again. */
  readonly everything: boolean;
  readonly allocated: Pick<AllocatedAddresses, 'update' | 'of'>;
}

export interface MergedMesh {
  readonly snapshot: MeshSnapshot;
  readonly change: ChangeSet;
  /** Of each host that was merged again: services whose ports are not the same everywhere, or none. */
  readonly conflicts: ReadonlyMap<Hostname, readonly PortConflict[]>;
}

export function mergeMesh(inputs: MergeInputs): MergedMesh {
  const { old, before, clusters, stale, tokenKeys, everything } = inputs;
  const hosts = everything ? allHosts(before, clusters) : changedHosts(before, clusters);
  const { services, endpoints, conflicts } = mergeHosts(hosts, inputs);
  const primaryBefore = before.get(old.primary);
  const primary = clusters.get(old.primary);
  const workloads = primary?.workloads ?? PersistentMap.empty<string, Workload>();
  const changedPolicies = changedKeys(primaryBefore?.policies, primary?.policies);
  const { gateways, deadGateways } = mergeGateways(inputs);
  let snapshot: MeshSnapshot = {
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
  if (old.tokenKeys !== tokenKeys) snapshot = { ...snapshot, tokenKeys };
  const rekeyed = policiesWithOtherKeys(snapshot.policies.requestAuthentications, old.tokenKeys, tokenKeys);
  const change: ChangeSet = {
    services: new Set(services.changedSince(old.services)),
    endpoints: new Set(endpoints.changedSince(old.endpoints)).union(
      hostsOf(clusters, old.degradedClusters.symmetricDifference(stale.degradedClusters)),
    ),
    policies: changedPolicies.union(rekeyed),
    workloads: new Set(snapshot.workloads.changedSince(old.workloads)),
    gateways: gateways !== old.gateways || deadGateways !== old.deadGateways,
    everything,
  };
  if (!isEmpty(change)) return { snapshot, change, conflicts };
  const isSame = old.degradedClusters === stale.degradedClusters && old.droppedClusters === stale.droppedClusters;
  // No proxy need be told, but readers are: a cluster without endpoints may be degraded, too.
  const kept = old.tokenKeys === tokenKeys ? old : { ...old, tokenKeys };
  return { snapshot: isSame ? kept : { ...kept, ...stale }, change: noChange, conflicts };
}

/** Hosts with endpoints in any of these clusters. */
function hostsOf(clusters: Clusters, ids: ReadonlySet<ClusterId>): ReadonlySet<Hostname> {
  const hosts = new Set<Hostname>();
  for (const id of ids) for (const host of clusters.get(id)?.endpoints.keys() ?? []) hosts.add(host);
  return hosts;
}

function mergeHosts(
  hosts: Iterable<Hostname>,
  inputs: MergeInputs,
): Pick<MeshSnapshot, 'services' | 'endpoints'> & Pick<MergedMesh, 'conflicts'> {
  const { old, clusters } = inputs;
  const mergedServices = new Map<Hostname, MeshService | undefined>();
  const conflictsByHost = new Map<Hostname, readonly PortConflict[]>();
  const endpoints: [Hostname, readonly Endpoint[] | undefined][] = [];
  for (const host of hosts) {
    const alone = onlyEndpoints(host, inputs);
    if (alone !== undefined) {
      const list = alone.length === 0 ? undefined : alone;
      if (!isDeepStrictEqual(old.endpoints.get(host), list)) endpoints.push([host, list]);
      continue;
    }
    const contributions = [...clusters.values()].flatMap((cluster) => {
      const service = cluster.services.get(host);
      return service === undefined ? [] : [{ service, endpoints: cluster.endpoints.get(host) ?? [] }];
    });
    const clusterLocalHost = isClusterLocal(host, old.config);
    // What a cluster runs under a name is that name's, whatever a ServiceEntry says.
    const merged =
      contributions.length > 0
        ? mergeHost(host, contributions, clusterLocalHost)
        : mergeServiceEntries(clusters.get(old.primary)?.serviceEntries?.get(host) ?? [], {
            primary: old.primary,
            clusterLocal: clusterLocalHost,
          });
    mergedServices.set(host, merged?.service);
    const { conflicts = [], clusterLocal = true } = merged?.service ?? {};
    conflictsByHost.set(host, clusterLocal ? [] : conflicts);
    const list = merged === undefined || merged.endpoints.length === 0 ? undefined : merged.endpoints;
    if (!isDeepStrictEqual(old.endpoints.get(host), list)) endpoints.push([host, list]);
  }
  return {
    services: withAddresses(mergedServices, inputs),
    endpoints: old.endpoints.with(endpoints),
    conflicts: conflictsByHost,
  };
}

/** The endpoints of a host that one cluster alone declares, and as it did before: nothing else of the host can differ. */
function onlyEndpoints(
  host: Hostname,
  { old, before, clusters, everything }: MergeInputs,
): readonly Endpoint[] | undefined {
  const merged = old.services.get(host);
  if (everything || merged === undefined || before.size !== clusters.size) return undefined;
  let only: ClusterSnapshot | undefined;
  for (const [id, cluster] of clusters) {
    const then = before.get(id);
    const service = cluster.services.get(host);
    if (then === undefined || then.services.get(host) !== service) return undefined;
    if (service === undefined) continue;
    // Ports that don't fit have other names in the mesh.
    if (only !== undefined || merged.conflicts.length > 0 || service.ports.length !== merged.ports.length) {
      return undefined;
    }
    only = cluster;
  }
  return only && (only.endpoints.get(host) ?? []);
}

/** The services before with these in their place, and new addresses for whatever must have others now. */
function withAddresses(
  merged: ReadonlyMap<Hostname, MeshService | undefined>,
  { old: { services: old }, allocated }: MergeInputs,
): MeshSnapshot['services'] {
  const moved = allocated.update([...merged].map(([host, service]) => [host, wantsAddress(service)] as const));
  const services: [Hostname, MeshService | undefined][] = [];
  for (const host of moved.union(merged)) {
    const before = old.get(host);
    const service = merged.has(host) ? merged.get(host) : before;
    const after = service === undefined ? undefined : withAllocated(service, allocated.of(host));
    if (!isDeepStrictEqual(before, after)) services.push([host, after]);
  }
  return old.with(services);
}

function mergeGateways({
  old,
  clusters,
  meshNetworks,
  deadSockets,
}: MergeInputs): Pick<MeshSnapshot, 'gateways' | 'deadGateways'> {
  const all = meshNetworkGateways(meshNetworks);
  for (const { gateways } of clusters.values()) all.push(...gateways);
  const isDead = (gateway: NetworkGateway): boolean => deadSockets.has(socketOf(gateway));
  const gateways = groupGateways(all.filter((gateway) => !isDead(gateway)));
  const deadGateways = groupGateways(all.filter(isDead));
  return {
    gateways: isDeepStrictEqual(gateways, old.gateways) ? old.gateways : gateways,
    deadGateways: isDeepStrictEqual(deadGateways, old.deadGateways) ? old.deadGateways : deadGateways,
  };
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
