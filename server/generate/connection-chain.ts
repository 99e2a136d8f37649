// The filter chain of one TCP or TLS route.

import type { MeshConfig } from '../../discovery/model/mesh-config.ts';
import type { CidrRange } from '../../proto/generated/envoy.config.core.v3.ts';
import type { FilterChain, FilterChainMatch } from '../../proto/generated/envoy.config.listener.v3.ts';
import type { ConnectionRoute } from './connection-routes.ts';
import { weightedTcpProxy } from './tcp-proxy.ts';
import { uint32 } from './well-known-types.ts';

/** `statPrefix` names the route in statistics. A chain without a match takes what no other chain takes. */
export function connectionChain(
  { serverNames, sourceSubnet, clusters, settings }: ConnectionRoute,
  config: MeshConfig,
  statPrefix: string,
): FilterChain {
  const match: FilterChainMatch = {
    // A pattern of all names is any hello that has one; a chain can say no such thing, but that it is TLS.
    ...(serverNames.length === 0 || serverNames.includes('*') ? {} : { serverNames }),
    ...(serverNames.length === 0 ? {} : { transportProtocol: 'tls' }),
    ...(sourceSubnet === undefined ? {} : { sourcePrefixRanges: [cidrRange(sourceSubnet)] }),
  };
  return {
    ...(Object.keys(match).length === 0 ? {} : { filterChainMatch: match }),
    filters: [weightedTcpProxy(clusters, config, { statPrefix, settings })],
  };
}

/** `10.0.0.0/8` */
export function cidrRange(subnet: string): CidrRange {
  const [addressPrefix = '', bits = ''] = subnet.split('/');
  return { addressPrefix, prefixLen: uint32(Number(bits)) };
}
