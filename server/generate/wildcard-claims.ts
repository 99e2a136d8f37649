// Connections to a port that are told apart by something else than one address: the server name of their hello, a block of addresses,
// or nothing. In: the listener of the port as it is without them, and the claims. Out: the listener with a chain for each.

import type { ObjectKey } from '../../discovery/model/names.ts';
import type { MeshConfig } from '../../discovery/model/mesh-config.ts';
import type { FilterChain, Listener } from '../../proto/generated/envoy.config.listener.v3.ts';
import { cidrRange, connectionChain } from './connection-chain.ts';
import type { ConnectionRoute } from './connection-routes.ts';
import { compareClaims, type ListenerContribution } from './listener-contribution.ts';
import { tlsInspector } from './listener-filter.ts';
import type { Resource } from './resource.ts';
import { duration } from './well-known-types.ts';

export type WildcardClaim = Extract<ListenerContribution, { kind: 'wildcard' }>;

/** How long the server name of a hello is waited for; where the server speaks first, none comes. */
const helloWaitMs = 5_000;

/** Of two claims of the same connections the older one's hold. */
export function withClaims(
  { message, ...listener }: Resource<Listener>,
  claims: readonly WildcardClaim[],
  config: MeshConfig,
): Resource<Listener> {
  if (claims.length === 0) return { ...listener, message };
  const taken = new Set<string>();
  const chains: FilterChain[] = [];
  const sources = new Set<ObjectKey>(listener.sources);
  let rest: FilterChain | undefined;
  for (const claim of claims.toSorted(compareClaims)) {
    sources.add(claim.source);
    for (const { range, route } of placesOf(claim)) {
      const free = untaken(route, range, taken);
      if (free === undefined) continue;
      const chain = chainOf(free, range, config, claim.cluster);
      if (chain.filterChainMatch === undefined) rest ??= chain;
      else chains.push(chain);
    }
  }
  const { listenerFilters = [], filterChains = [] } = message;
  const isHttp = filterChains.length > 0;
  const speaksFirst = claims.some(({ serverNames }) => serverNames.length === 0);
  const byName = claims.some(({ serverNames, routes }) => serverNames.length > 0 || routes.some(hasNames));
  return {
    ...listener,
    sources: [...sources],
    message: {
      ...message,
      ...(isHttp || !byName ? {} : { listenerFilters: [...listenerFilters, tlsInspector()] }),
      // What speaks HTTP is waited for without end, but not where a server may be the one that speaks first.
      ...((isHttp && speaksFirst) || (!isHttp && byName)
        ? { listenerFiltersTimeout: duration(helloWaitMs), continueOnListenerFiltersTimeout: true }
        : {}),
      filterChains: [...filterChains, ...chains],
      ...(rest === undefined ? {} : { defaultFilterChain: rest }),
    },
  };
}

interface Place {
  readonly range: string | undefined;
  readonly route: ConnectionRoute;
}

/** What a VirtualService declares in order, then everything else to the cluster of the service. */
function placesOf({ cluster, routes, ranges, serverNames, settings }: WildcardClaim): readonly Place[] {
  const whole: ConnectionRoute = {
    serverNames,
    destinationSubnets: [],
    clusters: [{ name: cluster, weight: 1 }],
    settings,
  };
  return [...routes, whole].flatMap((declared): readonly Place[] => {
    const route = hasNames(declared) ? declared : { ...declared, serverNames };
    const blocks = declared.destinationSubnets.length > 0 ? declared.destinationSubnets : ranges;
    return blocks.length === 0 ? [{ range: undefined, route }] : blocks.map((range) => ({ range, route }));
  });
}

/** Without the server names that an earlier chain has: Envoy refuses a listener that has one twice. */
function untaken(route: ConnectionRoute, range: string | undefined, taken: Set<string>): ConnectionRoute | undefined {
  const from = `${range ?? ''} ${route.sourceSubnet ?? ''}`;
  const wanted = route.serverNames.length === 0 ? [''] : route.serverNames;
  const free = wanted.filter((name) => !taken.has(`${from} ${name}`));
  for (const name of free) taken.add(`${from} ${name}`);
  if (free.length === 0) return undefined;
  return route.serverNames.length === 0 ? route : { ...route, serverNames: free };
}

function chainOf(
  route: ConnectionRoute,
  range: string | undefined,
  config: MeshConfig,
  statPrefix: string,
): FilterChain {
  const chain = connectionChain(route, config, statPrefix);
  if (range === undefined) return chain;
  return { ...chain, filterChainMatch: { ...chain.filterChainMatch, prefixRanges: [cidrRange(range)] } };
}

function hasNames({ serverNames }: ConnectionRoute): boolean {
  return serverNames.length > 0;
}
