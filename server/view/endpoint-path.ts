// By which path one class of proxies reaches one endpoint: directly, through gateways of its network, or not at all, and then why.

import type { Endpoint } from '../../discovery/model/endpoint.ts';
import type { ClusterId, NetworkId } from '../../discovery/model/names.ts';
import { compareGateways, socketOf, type NetworkGateway } from '../../discovery/model/network-gateway.ts';
import type { DropReason } from './dropped-endpoints.ts';

/** From where, and with which limits, endpoints are looked at. */
export interface Viewpoint {
  readonly clusterId: ClusterId;
  readonly network: NetworkId;
  readonly requestedNetworks: readonly NetworkId[];
  readonly gateways: ReadonlyMap<NetworkId, readonly NetworkGateway[]>;
  /** Clusters whose endpoints are used only where no others are left. */
  readonly degradedClusters: ReadonlySet<ClusterId>;
  readonly reach: Reach;
  /** Whether the workload's proxy takes mesh mTLS on that port of its own. */
  readonly speaksMtls: (endpoint: Endpoint, port: number) => boolean;
}

/**
 * `all`: direct and through gateways. `direct`: without gateways, for traffic that is not mesh mTLS. `direct-mtls`: what an
 * east-west gateway can hand a passed-through connection to.
 */
export type Reach = 'all' | 'direct' | 'direct-mtls';

export type EndpointPath =
  | { readonly kind: 'drop'; readonly reason: DropReason }
  | { readonly kind: 'direct'; readonly port: number; readonly mtls: boolean }
  /** Each socket once, by `compareGateways`. */
  | { readonly kind: 'through'; readonly gateways: readonly NetworkGateway[] };

/** `port`: of the endpoint, undefined when it does not serve the one that is asked for. `clusterLocal`: a host that no other cluster may use. */
export function pathTo(
  endpoint: Endpoint,
  { port, clusterLocal }: { readonly port: number | undefined; readonly clusterLocal: boolean },
  viewpoint: Viewpoint,
): EndpointPath {
  if (port === undefined) return { kind: 'drop', reason: 'port-not-served' };
  if (clusterLocal && endpoint.clusterId !== viewpoint.clusterId) return { kind: 'drop', reason: 'cluster-local' };
  const requested = viewpoint.requestedNetworks;
  const anywhere = endpoint.anyNetwork === true;
  if (requested.length > 0 && !anywhere && !requested.includes(endpoint.network)) {
    return { kind: 'drop', reason: 'network-not-requested' };
  }
  if (endpoint.health === 'unhealthy') return { kind: 'drop', reason: 'not-ready' };
  const own = anywhere || endpoint.network === viewpoint.network;
  const mtls = viewpoint.speaksMtls(endpoint, port);
  if (viewpoint.reach === 'direct-mtls') {
    if (!own) return { kind: 'drop', reason: 'network-not-requested' };
    return mtls ? { kind: 'direct', port, mtls } : { kind: 'drop', reason: 'no-mtls-across-networks' };
  }
  if (own) return { kind: 'direct', port, mtls };
  if (!mtls || viewpoint.reach === 'direct') {
    return { kind: 'drop', reason: 'no-mtls-across-networks' };
  }
  // What drains keeps the connections it has; a gateway would only be given new ones for it.
  if (endpoint.health === 'draining') return { kind: 'drop', reason: 'not-ready' };
  const gateways = gatewaysTo(endpoint, viewpoint.gateways);
  return gateways.length === 0 ? { kind: 'drop', reason: 'no-gateway' } : { kind: 'through', gateways };
}

// Gateways of the endpoint's own cluster know it first-hand; any other of its network can reach it as well.
function gatewaysTo(
  endpoint: Endpoint,
  gateways: ReadonlyMap<NetworkId, readonly NetworkGateway[]>,
): readonly NetworkGateway[] {
  const ofNetwork = gateways.get(endpoint.network) ?? [];
  const ofCluster = ofNetwork.filter((gateway) => gateway.clusterId === endpoint.clusterId);
  const chosen = ofCluster.length > 0 ? ofCluster : ofNetwork;
  const bySocket = new Map<string, NetworkGateway>();
  for (const gateway of chosen.toSorted(compareGateways)) {
    if (!bySocket.has(socketOf(gateway))) bySocket.set(socketOf(gateway), gateway);
  }
  return [...bySocket.values()];
}
