// The document of `/api/v1/networks`: every network that a cluster, a gateway or an endpoint names, and the way into it.

import type { ClusterId, NetworkId } from '../../discovery/model/names.ts';
import { compareText, type NetworkGateway } from '../../discovery/model/network-gateway.ts';
import type { GatewayProbe, InstanceReader } from './instance-reader.ts';

export interface NetworkEntry {
  /** Empty: the unnamed default network. */
  readonly network: NetworkId;
  /** Clusters that are in it or have endpoints or gateways in it, sorted. */
  readonly clusters: readonly ClusterId[];
  /** Without one, nothing on another network can reach its endpoints. */
  readonly gateways: readonly GatewayEntry[];
  readonly endpoints: number;
}

export interface GatewayEntry {
  readonly clusterId: ClusterId;
  readonly address: string;
  readonly port: number;
  /** False: it does not answer any more, and nothing is sent to it. */
  readonly inUse: boolean;
  /** Absent when it is not probed. */
  readonly probe?: GatewayProbe | undefined;
}

interface Draft {
  readonly clusters: Set<ClusterId>;
  endpoints: number;
}

export type NetworkListReader = Pick<InstanceReader, 'mesh' | 'clusters' | 'gatewayProbe'>;

/** All networks, sorted by name. */
export function networkList(reader: NetworkListReader): readonly NetworkEntry[] {
  const mesh = reader.mesh();
  const clusters = reader.clusters();
  const drafts = new Map<NetworkId, Draft>();
  const draft = (network: NetworkId): Draft => {
    const found = drafts.get(network) ?? { clusters: new Set<ClusterId>(), endpoints: 0 };
    drafts.set(network, found);
    return found;
  };
  for (const cluster of clusters) draft(cluster.network).clusters.add(cluster.clusterId);
  for (const [network, gateways] of [...mesh.gateways, ...mesh.deadGateways]) {
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
      gateways: [
        ...(mesh.gateways.get(network) ?? []).map((gateway) => gatewayEntry(gateway, true, reader)),
        ...(mesh.deadGateways.get(network) ?? []).map((gateway) => gatewayEntry(gateway, false, reader)),
      ],
      endpoints: entry.endpoints,
    }));
}

function gatewayEntry(gateway: NetworkGateway, inUse: boolean, reader: NetworkListReader): GatewayEntry {
  const { clusterId, address, port } = gateway;
  const probe = reader.gatewayProbe(gateway);
  return { clusterId, address, port, inUse, ...(probe === undefined ? {} : { probe }) };
}
