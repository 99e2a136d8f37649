// What Envoy wants of a cluster besides what its fields may be: endpoints with addresses that its type of discovery can use, and a
// balancing that goes with it.

import { isIP } from 'node:net';
import {
  Cluster_DiscoveryType,
  Cluster_LbPolicy,
  type Cluster,
} from '../../proto/generated/envoy.config.cluster.v3.ts';
import type { Endpoint } from '../../proto/generated/envoy.config.endpoint.v3.ts';

/** Why Envoy would refuse it; undefined when it would not. */
export function brokenCluster(cluster: Cluster): string | undefined {
  const { clusterType, edsClusterConfig, lbPolicy, loadBalancingPolicy, transportSocketMatches = [] } = cluster;
  const type = cluster.type ?? Cluster_DiscoveryType.STATIC;
  if (lbPolicy === Cluster_LbPolicy.LOAD_BALANCING_POLICY_CONFIG && loadBalancingPolicy === undefined) {
    return 'lb_policy asks for a load_balancing_policy, and there is none';
  }
  if (cluster.transportSocket !== undefined && transportSocketMatches.some(({ transportSocket }) => !transportSocket)) {
    return 'a transport_socket_match has no transport_socket';
  }
  if (clusterType !== undefined) return undefined;
  const isProvided = lbPolicy === Cluster_LbPolicy.CLUSTER_PROVIDED;
  if (loadBalancingPolicy === undefined && isProvided !== (type === Cluster_DiscoveryType.ORIGINAL_DST)) {
    return 'lb_policy CLUSTER_PROVIDED goes with the type ORIGINAL_DST, and with no other';
  }
  switch (type) {
    case Cluster_DiscoveryType.EDS:
      return edsClusterConfig === undefined ? 'the type EDS needs eds_cluster_config' : undefined;
    case Cluster_DiscoveryType.ORIGINAL_DST:
      return cluster.loadAssignment === undefined ? undefined : 'the type ORIGINAL_DST takes no load_assignment';
    default:
      return brokenEndpoints(cluster, type);
  }
}

function brokenEndpoints({ loadAssignment }: Cluster, type: Cluster_DiscoveryType): string | undefined {
  const isStatic = type === Cluster_DiscoveryType.STATIC;
  const endpoints = (loadAssignment?.endpoints ?? []).flatMap(({ lbEndpoints = [] }) => lbEndpoints);
  for (const { endpoint, endpointName } of endpoints) {
    const broken =
      endpointName === undefined || endpoint !== undefined ? brokenEndpoint(endpoint, isStatic) : undefined;
    if (broken !== undefined) return broken;
  }
  if (type === Cluster_DiscoveryType.LOGICAL_DNS && endpoints.length !== 1)
    return 'LOGICAL_DNS takes exactly one endpoint';
  return undefined;
}

function brokenEndpoint(endpoint: Endpoint | undefined, isStatic: boolean): string | undefined {
  const { address } = endpoint ?? {};
  if (address === undefined || Object.keys(address).length === 0) return 'an endpoint has no address';
  const host = address.socketAddress?.address;
  if (host === undefined) return isStatic || address.socketAddress ? undefined : 'an endpoint has no name to look up';
  if (isStatic && isIP(host) === 0) return `${host} is no IP address, and the type STATIC looks up no names`;
  return undefined;
}
