// The part of a cluster that says where the endpoints of a looked-up host of a ServiceEntry are.

import { isIP } from 'node:net';
import type { EntryDetails, MeshService, ServicePort } from '../../discovery/model/service.ts';
import { Cluster_DiscoveryType, type Cluster } from '../../proto/generated/envoy.config.cluster.v3.ts';
import type { EndpointSelection, OutboundView } from '../view/outbound-view.ts';
import { loadAssignment } from './load-assignment.ts';

export interface LookedUp {
  readonly view: OutboundView;
  readonly service: MeshService;
  readonly port: ServicePort;
  readonly selection: EndpointSelection;
}

type Resolving = Pick<Cluster, 'dnsLookupFamily' | 'respectDnsTtl' | 'dnsRefreshRate'>;

/** `resolving`: what a cluster has that asks DNS. */
export function lookedUpEndpoints(
  entry: EntryDetails,
  clusterName: string,
  { view, service, port, selection }: LookedUp,
  resolving: Resolving,
): Pick<Cluster, 'type' | 'loadAssignment'> & Resolving {
  const endpoints = view.endpointsFor(service.host, port, selection);
  const assignment = loadAssignment(clusterName, endpoints);
  const all = endpoints.groups.flatMap((group) => group.endpoints);
  const isNamed = all.some((one) => one.kind === 'direct' && isIP(one.endpoint.address) === 0);
  // An address of the family that is not looked up would never resolve.
  if (!isNamed) return { type: Cluster_DiscoveryType.STATIC, loadAssignment: assignment };
  // Envoy takes exactly one endpoint there.
  const first = entry.resolution === 'dns-round-robin' && all.length === 1;
  const type = first ? Cluster_DiscoveryType.LOGICAL_DNS : Cluster_DiscoveryType.STRICT_DNS;
  return { type, ...resolving, loadAssignment: assignment };
}
