// The document of `/api/v1/networks`: every network that a cluster, a gateway or an endpoint names, and the way into it.

import type { ClusterStatus } from '../../discovery/model/cluster-snapshot.ts';
import type { MeshSnapshot } from '../../discovery/model/mesh-snapshot.ts';
import type { ClusterId, NetworkId } from '../../discovery/model/names.ts';
import { compareText } from '../../discovery/model/network-gateway.ts';

export interface NetworkEntry {
  /** Empty: the unnamed default network. */
  readonly network: NetworkId;
  /** Clusters that are in it or have endpoints or gateways in it, sorted. */
  readonly clusters: readonly ClusterId[];
  /** Without one, nothing on another network can reach its endpoints. */
  readonly gateways: readonly { readonly clusterId: ClusterId; readonly address: string; readonly port: number }[];
  readonly endpoints: number;
}

interface Draft {
  readonly clusters: Set<ClusterId>;
  endpoints: number;
}

/** All networks, sorted by name. */
export function networkList(mesh: MeshSnapshot, clusters: readonly ClusterStatus[]): readonly NetworkEntry[] {
  const drafts = new Map<NetworkId, Draft>();
  const draft = (network: NetworkId): Draft => {
    const found = drafts.get(network) ?? { clusters: new Set<ClusterId>(), endpoints: 0 };
    drafts.set(network, found);
    return found;
  };
  for (const cluster of clusters) draft(cluster.network).clusters.add(cluster.clusterId);
  for (const [network, gateways] of mesh.gateways) {
    for (const gateway of gateways) draft(network).clusters.add(gateway.clusterId);
  }
  for (const endpoints of mesh.endpoints.values()) {
    for (const endpoint of endpoints) {
      const entry = draft(endpoint.network);
      entry.clusters.add(endpoint.clusterId);
      entry.endpoints += 1;
    }
  }
  return [...drafts]
    .toSorted(([a], [b]) => compareText(a, b))
    .map(([network, entry]) => ({
      network,
      clusters: [...entry.clusters].toSorted(compareText),
      gateways: (mesh.gateways.get(network) ?? []).map(({ clusterId, address, port }) => ({
        clusterId,
        address,
        port,
      })),
      endpoints: entry.endpoints,
    }));
}
