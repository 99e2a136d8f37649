// What Envoy wants of a listener as a whole: chains that can be told apart, each with filters that end somewhere, and an address.

import { unpackAny } from '../../proto/codec.ts';
import type { FilterChain, Listener } from '../../proto/generated/envoy.config.listener.v3.ts';
import { HttpConnectionManager } from '../../proto/generated/envoy.extensions.filters.network.http_connection_manager.v3.ts';
import { brokenFilterOrder } from './filter-order.ts';
import { brokenRoutes } from './route-structure.ts';

/** Why Envoy would refuse it; undefined when it would not. */
export function brokenListener(listener: Listener): string | undefined {
  const { filterChains = [], defaultFilterChain, udpListenerConfig, apiListener, internalListener } = listener;
  if (apiListener !== undefined || udpListenerConfig !== undefined) return undefined;
  if (listener.address === undefined && internalListener === undefined) return 'it has no address';
  const chains = [...filterChains, ...(defaultFilterChain === undefined ? [] : [defaultFilterChain])];
  if (chains.length === 0) return 'it has no filter chain';
  const matches = filterChains.map(({ filterChainMatch }) => JSON.stringify(filterChainMatch ?? {}));
  if (listener.filterChainMatcher === undefined && new Set(matches).size < matches.length) {
    return 'two filter chains match the same connections';
  }
  return brokenChains(chains);
}

/** Likewise, of filter chains. */
export function brokenChains(chains: readonly FilterChain[]): string | undefined {
  for (const { filters = [] } of chains) {
    const broken = brokenFilterOrder(filters);
    if (broken !== undefined) return broken;
    for (const { typedConfig } of filters) {
      if (typedConfig === undefined) continue;
      const manager = unpackAny<HttpConnectionManager>(HttpConnectionManager, typedConfig);
      if (manager === undefined) continue;
      const inside =
        brokenFilterOrder(manager.httpFilters ?? []) ??
        (manager.routeConfig === undefined ? undefined : brokenRoutes(manager.routeConfig));
      if (inside !== undefined) return inside;
    }
  }
  return undefined;
}
