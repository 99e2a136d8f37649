// The gateways into networks that one cluster's Services declare: Services labelled with a network, entered by load balancer,
// external IP or node port, and Services that MeshNetworks names. In: those Services and the nodes. Out: sorted gateways and
// the host names that stood for one and could not be resolved.

import type { MeshNetworks } from '../model/mesh-config.ts';
import type { ClusterId, NetworkId } from '../model/names.ts';
import { compareGateways, type NetworkGateway } from '../model/network-gateway.ts';
import { canonicalAddress } from './address.ts';
import type { NodeDeclaration } from './node.ts';
import type { ServiceDeclaration } from './service.ts';
import { selects } from './well-known.ts';

export interface GatewayInputs {
  readonly clusterId: ClusterId;
  readonly services: Iterable<ServiceDeclaration>;
  readonly nodes: Iterable<NodeDeclaration>;
  readonly meshNetworks: MeshNetworks;
  /** Addresses of a load balancer's host name, as known at present; empty when unknown. */
  readonly resolve: (hostname: string) => readonly string[];
}

export interface UnresolvedGateway {
  readonly declaration: ServiceDeclaration;
  readonly hostname: string;
}

export interface DeclaredGateways {
  readonly gateways: readonly NetworkGateway[];
  readonly unresolved: readonly UnresolvedGateway[];
}

/** The networks and ports for which a Service is a gateway: by its label, and by MeshNetworks for this cluster. */
export function gatewayRoles(
  declaration: ServiceDeclaration,
  clusterId: ClusterId,
  meshNetworks: MeshNetworks,
): readonly { readonly network: NetworkId; readonly port: number }[] {
  const roles = declaration.gateway === undefined ? [] : [declaration.gateway];
  for (const entry of meshNetworks.networks) {
    // A network that names its registries has its gateways in those clusters only.
    if (entry.fromRegistries.length > 0 && !entry.fromRegistries.includes(clusterId)) continue;
    for (const gateway of entry.gateways) {
      if (gateway.kind !== 'service' || gateway.host !== declaration.service.host) continue;
      roles.push({ network: entry.network, port: gateway.port });
    }
  }
  return roles;
}

export function declaredGateways(inputs: GatewayInputs): DeclaredGateways {
  const gateways = new Map<string, NetworkGateway>();
  const unresolved: UnresolvedGateway[] = [];
  for (const declaration of inputs.services) {
    const roles = gatewayRoles(declaration, inputs.clusterId, inputs.meshNetworks);
    if (roles.length === 0) continue;
    const { entryPoints } = declaration;
    const addresses = [...entryPoints.addresses];
    for (const hostname of entryPoints.hostnames) {
      const resolved = inputs.resolve(hostname).flatMap((text) => canonicalAddress(text) ?? []);
      if (resolved.length === 0) unresolved.push({ declaration, hostname });
      addresses.push(...resolved);
    }
    const nodeSelector = entryPoints.nodeSelector;
    for (const { network, port } of roles) {
      const add = (address: string, entered: number): void => {
        const gateway = { network, clusterId: inputs.clusterId, address, port: entered };
        gateways.set(JSON.stringify([network, address, entered]), gateway);
      };
      const nodePort = entryPoints.nodePorts[port];
      if (nodeSelector !== undefined && nodePort !== undefined) {
        for (const node of inputs.nodes) {
          if (!selects(nodeSelector, node.labels)) continue;
          for (const address of node.externalAddresses) add(address, nodePort);
        }
      }
      for (const address of addresses) add(address, port);
    }
  }
  return { gateways: [...gateways.values()].toSorted(compareGateways), unresolved };
}
