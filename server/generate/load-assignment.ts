// ClusterLoadAssignments: the addresses behind one cluster, by locality, with weights and what they speak.

import type { Endpoint } from '../../discovery/model/endpoint.ts';
import { HealthStatus, type Metadata } from '../../proto/generated/envoy.config.core.v3.ts';
import type {
  ClusterLoadAssignment,
  LbEndpoint,
  LocalityLbEndpoints,
} from '../../proto/generated/envoy.config.endpoint.v3.ts';
import type { LocalityGroup, NetworkView } from '../view/network-view.ts';
import type { ReachableEndpoint } from '../view/weigh-addresses.ts';
import { socketAddress } from './address.ts';
import { struct, uint32 } from './well-known-types.ts';

export function loadAssignment(clusterName: string, view: NetworkView): ClusterLoadAssignment {
  return { clusterName, endpoints: view.groups.map((group) => localityEndpoints(group)) };
}

function localityEndpoints({ locality, priority, endpoints, weight }: LocalityGroup): LocalityLbEndpoints {
  return {
    locality: { region: locality.region, zone: locality.zone, subZone: locality.subzone },
    priority,
    lbEndpoints: endpoints.map((reachable) => lbEndpoint(reachable)),
    loadBalancingWeight: uint32(weight),
  };
}

function lbEndpoint(reachable: ReachableEndpoint): LbEndpoint {
  const loadBalancingWeight = uint32(reachable.weight);
  if (reachable.kind === 'gateway') {
    const { address, port, clusterId } = reachable.gateway;
    // Whoever answers behind the gateway is not known here, only its cluster.
    const metadata = endpointMetadata(true, `;;;;${clusterId}`);
    return { endpoint: { address: socketAddress(address, port) }, metadata, loadBalancingWeight };
  }
  const { endpoint, port, mtls } = reachable;
  return {
    endpoint: { address: socketAddress(endpoint.address, port) },
    healthStatus: endpoint.health === 'draining' ? HealthStatus.DRAINING : HealthStatus.HEALTHY,
    metadata: endpointMetadata(mtls, workloadText(endpoint)),
    loadBalancingWeight,
  };
}

function endpointMetadata(mtls: boolean, workload: string): Metadata {
  return {
    filterMetadata: {
      ...(mtls ? { 'envoy.transport_socket_match': struct({ tlsMode: 'istio' }) } : {}),
      istio: struct({ workload }),
    },
  };
}

/** `NAME;NAMESPACE;CANONICAL-NAME;CANONICAL-REVISION;CLUSTER`, the revision `latest` left out. */
function workloadText({ workload, clusterId }: Endpoint): string {
  const revision = workload.canonicalRevision === 'latest' ? '' : workload.canonicalRevision;
  return [workload.name, workload.namespace, workload.canonicalName, revision, clusterId].join(';');
}
