// The gateways of the mesh by the network they lead into: those that clusters declare and those of MeshNetworks.

import type { MeshNetworks } from '../model/mesh-config.ts';
import { clusterId, type NetworkId } from '../model/names.ts';
import { compareGateways, type NetworkGateway } from '../model/network-gateway.ts';

/** Gateways that MeshNetworks declares by address. They belong to the first cluster of their network, if it names one. */
export function meshNetworkGateways({ networks }: MeshNetworks): NetworkGateway[] {
  return networks.flatMap(({ network, fromRegistries, gateways }) =>
    gateways.flatMap((gateway) =>
      gateway.kind === 'address'
        ? [{ network, clusterId: fromRegistries[0] ?? clusterId(''), address: gateway.address, port: gateway.port }]
        : [],
    ),
  );
}

/** Sorted, each gateway once. */
export function groupGateways(gateways: readonly NetworkGateway[]): ReadonlyMap<NetworkId, readonly NetworkGateway[]> {
  const groups = new Map<NetworkId, NetworkGateway[]>();
  for (const gateway of gateways.toSorted(compareGateways)) {
    const group = groups.get(gateway.network);
    const last = group?.at(-1);
    if (group === undefined) groups.set(gateway.network, [gateway]);
    else if (last === undefined || compareGateways(last, gateway) !== 0) group.push(gateway);
  }
  return groups;
}
