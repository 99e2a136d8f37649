// The gateways into networks that one cluster's objects declare: Services labelled with a network, entered by load balancer,
// external IP or node port, Services that MeshNetworks names, and Gateways of the Gateway API. In: those and the nodes. Out:
// sorted gateways and the host names that stood for one and could not be resolved.

import type { MeshNetworks } from '../model/mesh-config.ts';
import { objectKey, type ClusterId, type NetworkId, type ObjectKey } from '../model/names.ts';
import { compareGateways, type NetworkGateway } from '../model/network-gateway.ts';
import type { Origin } from '../model/problem.ts';
import type { ResolvedName } from '../model/resolved-name.ts';
import { canonicalAddress } from './address.ts';
import type { GatewayResource } from './gateway-resource.ts';
import type { NodeDeclaration } from './node.ts';
import type { ServiceDeclaration } from './service.ts';
import { selects } from './well-known.ts';

export interface GatewayInputs {
  readonly clusterId: ClusterId;
  readonly services: Iterable<ServiceDeclaration>;
  readonly resources: Iterable<GatewayResource>;
  readonly nodes: Iterable<NodeDeclaration>;
  readonly meshNetworks: MeshNetworks;
  /** What is known of a load balancer's host name at present. */
  readonly resolve: (hostname: string) => ResolvedName;
}

export interface UnresolvedGateway {
  readonly object: ObjectKey;
  readonly field: string;
  readonly origin?: Origin | undefined;
  readonly hostname: string;
  /** Why not, when that is known. */
  readonly error?: string | undefined;
  /** Addresses of before are used. */
  readonly isKept: boolean;
  /** What may be written instead of a host name. */
  readonly remedy: string;
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
  const add = (network: NetworkId, address: string, port: number): void => {
    gateways.set(JSON.stringify([network, address, port]), { network, clusterId: inputs.clusterId, address, port });
  };
  const addressesOf = (
    entered: Entered,
    named: Omit<UnresolvedGateway, 'hostname' | 'error' | 'isKept'>,
  ): readonly string[] => {
    const addresses = [...entered.addresses];
    for (const hostname of entered.hostnames) {
      const { addresses: known, error } = inputs.resolve(hostname);
      const usable = known.flatMap((text) => canonicalAddress(text) ?? []);
      const isKept = usable.length > 0;
      if (!isKept || error !== undefined) unresolved.push({ ...named, hostname, error, isKept });
      addresses.push(...usable);
    }
    return addresses;
  };
  for (const declaration of inputs.services) {
    const roles = gatewayRoles(declaration, inputs.clusterId, inputs.meshNetworks);
    if (roles.length === 0) continue;
    const { entryPoints, service, origin } = declaration;
    const addresses = addressesOf(entryPoints, {
      object: objectKey('Service', service.namespace, service.name),
      field: 'status.loadBalancer.ingress',
      origin,
      remedy: 'give an IP address in spec.externalIPs',
    });
    for (const { network, port } of roles) {
      for (const [address, nodePort] of nodeSockets(declaration, port, inputs.nodes)) add(network, address, nodePort);
      for (const address of addresses) add(network, address, port);
    }
  }
  for (const resource of inputs.resources) {
    const { key, field, origin, network, ports } = resource;
    const remedy = 'give an IP address in spec.addresses';
    for (const address of addressesOf(resource, { object: key, field, origin, remedy })) {
      for (const port of ports) add(network, address, port);
    }
  }
  return { gateways: [...gateways.values()].toSorted(compareGateways), unresolved };
}

interface Entered {
  readonly addresses: readonly string[];
  readonly hostnames: readonly string[];
}

/** Addresses of the nodes by which a Service's port is entered, each with the node port. */
function nodeSockets(
  { entryPoints }: ServiceDeclaration,
  port: number,
  nodes: Iterable<NodeDeclaration>,
): readonly (readonly [address: string, nodePort: number])[] {
  const { nodeSelector } = entryPoints;
  const nodePort = entryPoints.nodePorts[port];
  if (nodeSelector === undefined || nodePort === undefined) return [];
  return [...nodes]
    .filter(({ labels }) => selects(nodeSelector, labels))
    .flatMap(({ externalAddresses }) => externalAddresses.map((address) => [address, nodePort] as const));
}
