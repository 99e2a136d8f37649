// The document of `/api/v1/services`: every host of the mesh with its ports and how many endpoints each cluster gives it.

import type { Endpoint } from '../../discovery/model/endpoint.ts';
import type { MeshSnapshot } from '../../discovery/model/mesh-snapshot.ts';
import type { ClusterId, Hostname, NetworkId } from '../../discovery/model/names.ts';
import { compareText } from '../../discovery/model/network-gateway.ts';
import type { MeshService, PortConflict, ServiceKind } from '../../discovery/model/service.ts';
import { addressesByCluster } from './host-endpoints.ts';

export interface ServiceEntry {
  readonly host: Hostname;
  readonly namespace: string;
  readonly kind: ServiceKind;
  readonly ports: readonly { readonly name: string; readonly port: number; readonly protocol: string }[];
  /** Clusters that declare the host. */
  readonly clusters: readonly ClusterId[];
  readonly clusterLocal: boolean;
  /** Virtual IPs by cluster; a cluster without any is left out. */
  readonly addresses: Readonly<Record<ClusterId, readonly string[]>>;
  /** For the proxies of clusters without any. */
  readonly allocatedAddresses: readonly string[];
  readonly endpoints: number;
  /** One entry for each cluster and network that has endpoints, sorted. */
  readonly endpointCounts: readonly EndpointCount[];
  readonly conflicts: readonly PortConflict[];
}

export interface EndpointCount {
  readonly clusterId: ClusterId;
  readonly network: NetworkId;
  readonly healthy: number;
  readonly draining: number;
  readonly unhealthy: number;
}

/** Lists the services of one snapshot after the other; what did not change is not counted again. */
export class ServiceLister {
  readonly #known = new WeakMap<
    MeshService,
    { readonly endpoints: readonly Endpoint[]; readonly entry: ServiceEntry }
  >();

  /** All services, sorted by host. */
  list(mesh: MeshSnapshot): readonly ServiceEntry[] {
    return [...mesh.services.values()]
      .toSorted((a, b) => compareText(a.host, b.host))
      .map((service) => this.#entry(service, mesh.endpoints.get(service.host) ?? noEndpoints));
  }

  #entry(service: MeshService, endpoints: readonly Endpoint[]): ServiceEntry {
    const known = this.#known.get(service);
    if (known?.endpoints === endpoints) return known.entry;
    const entry = serviceEntry(service, endpoints);
    this.#known.set(service, { endpoints, entry });
    return entry;
  }
}

const noEndpoints: readonly Endpoint[] = Object.freeze([]);

function serviceEntry(service: MeshService, endpoints: readonly Endpoint[]): ServiceEntry {
  return {
    host: service.host,
    namespace: service.namespace,
    kind: service.kind,
    ports: service.ports.map(({ name, port, protocol }) => ({ name, port, protocol })),
    clusters: service.clusters,
    clusterLocal: service.clusterLocal,
    addresses: addressesByCluster(service),
    allocatedAddresses: service.allocatedAddresses,
    endpoints: endpoints.length,
    endpointCounts: countEndpoints(endpoints),
    conflicts: service.conflicts,
  };
}

/** Endpoints by cluster, network and health, sorted by cluster and network. */
export function countEndpoints(endpoints: readonly Endpoint[]): readonly EndpointCount[] {
  const groups = Map.groupBy(endpoints, (endpoint) => JSON.stringify([endpoint.clusterId, endpoint.network]));
  const counts: EndpointCount[] = [];
  for (const group of groups.values()) {
    const [first] = group;
    if (first === undefined) continue;
    const having = (health: Endpoint['health']): number => group.filter((one) => one.health === health).length;
    counts.push({
      clusterId: first.clusterId,
      network: first.network,
      healthy: having('healthy'),
      draining: having('draining'),
      unhealthy: having('unhealthy'),
    });
  }
  return counts.toSorted((a, b) => compareText(a.clusterId, b.clusterId) || compareText(a.network, b.network));
}
