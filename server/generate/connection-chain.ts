// The filter chain of one TCP or TLS route.

import type { MeshConfig } from '../../discovery/model/mesh-config.ts';
import type { CidrRange } from '../../proto/generated/envoy.config.core.v3.ts';
import type { FilterChain, FilterChainMatch } from '../../proto/generated/envoy.config.listener.v3.ts';
import type { ConnectionRoute } from './connection-routes.ts';
import { weightedTcpProxy } from './tcp-proxy.ts';
import { uint32 } from './well-known-types.ts';

/** `statPrefix` names the route in statistics. A chain without a match takes what no other chain takes. */
export function connectionChain(route: ConnectionRoute, config: MeshConfig, statPrefix: string): FilterChain {
  return {
    ...chainMatch(route),
    filters: [weightedTcpProxy(route.clusters, config, { statPrefix, settings: route.settings })],
  };
}

/** Which connections a route is for. */
export function chainMatch({
  serverNames,
  sourceSubnet,
}: Pick<ConnectionRoute, 'serverNames' | 'sourceSubnet'>): Pick<FilterChain, 'filterChainMatch'> {
  const match: FilterChainMatch = {
    // A pattern of all names is any hello that has one; a chain can say no such thing, but that it is TLS.
    ...(serverNames.length === 0 || serverNames.includes('*') ? {} : { serverNames }),
    ...(serverNames.length === 0 ? {} : { transportProtocol: 'tls' }),
    ...(sourceSubnet === undefined ? {} : { sourcePrefixRanges: [cidrRange(sourceSubnet)] }),
  };
  return Object.keys(match).length === 0 ? {} : { filterChainMatch: match };
}

/** `10.0.0.0/8` */
export function cidrRange(subnet: string): CidrRange {
  const [addressPrefix = '', bits = ''] = subnet.split('/');
  return { addressPrefix, prefixLen: uint32(Number(bits)) };
}
