// Listeners for what a sidecar's workload sends: `virtualOutbound`, which all connections are redirected to, and behind it
// one an HTTP port and one an address and TCP port: a virtual IP, or a pod of a headless service. For routers, what their Gateways declare.

import { compareText } from '../../discovery/model/network-gateway.ts';
import { TrafficDirection } from '../../proto/generated/envoy.config.core.v3.ts';
import { Listener } from '../../proto/generated/envoy.config.listener.v3.ts';
import type { OutboundView } from '../view/outbound-view.ts';
import { socketAddress } from './address.ts';
import { httpConnectionManager } from './http-connection-manager.ts';
import { connectionChain } from './connection-chain.ts';
import { distinctRoutes, leadsTo } from './connection-routes.ts';
import { compareClaims, listenerKey, type ListenerContribution } from './listener-contribution.ts';
import { httpInspector, tlsInspector } from './listener-filter.ts';
import {
  blackHoleCluster,
  listenerName,
  outboundPort,
  passthroughCluster,
  routeName,
  wildcardAddresses,
} from './names.ts';
import type { Resource } from './resource.ts';
import { generateRouterListeners } from './router.ts';
import { tcpProxy } from './tcp-proxy.ts';
import { duration, isFalse, isTrue, uint32 } from './well-known-types.ts';
import { withClaims, type WildcardClaim } from './wildcard-claims.ts';

export { listenerKey, type ListenerContribution } from './listener-contribution.ts';

/** How long the server name of a hello is waited for; where the server speaks first, none comes. */
const helloWaitMs = 5_000;

/** All outbound listeners, by name. The order of contributions makes no difference, nor do repetitions. */
export function generateOutboundListeners(
  view: OutboundView,
  contributions: Iterable<ListenerContribution>,
): readonly Resource<Listener>[] {
  const unique = new Map<string, ListenerContribution>();
  for (const contribution of contributions) unique.set(listenerKey(contribution), contribution);
  if (view.scope.type === 'router') return generateRouterListeners(view, unique.values());

  const http = new Map<string, HttpPlace>();
  const claims = new Map<number, WildcardClaim[]>();
  const addressed = new Map<string, Extract<ListenerContribution, { kind: 'tcp' }>>();
  for (const contribution of unique.values()) {
    if (contribution.kind === 'tcp') {
      const name = listenerName(contribution.address, contribution.port);
      const known = addressed.get(name);
      if (known === undefined || compareClaims(contribution, known) < 0) addressed.set(name, contribution);
    } else if (contribution.kind === 'http') {
      const place = { port: contribution.port, bind: contribution.bind, bindToPort: contribution.bindToPort };
      http.set(httpListenerName(view, place), place);
    } else if (contribution.kind === 'wildcard') {
      const others = claims.get(contribution.port);
      if (others === undefined) claims.set(contribution.port, [contribution]);
      else others.push(contribution);
    }
  }
  return [
    virtualOutbound(view),
    ...[...http.values()].map((place) =>
      withClaims(
        httpListener(view, place),
        place.bind === undefined ? (claims.get(place.port) ?? []) : [],
        view.config,
      ),
    ),
    ...[...claims]
      .filter(([port]) => !http.has(httpListenerName(view, { port })))
      .map(([port, claimed]) => withClaims(connectionListener(view, port), claimed, view.config)),
    ...[...addressed].map(([name, contribution]) => addressedListener(view, name, contribution)),
  ].toSorted((a, b) => compareText(a.name, b.name));
}

function virtualOutbound(view: OutboundView): Resource<Listener> {
  const name = 'virtualOutbound';
  const message: Listener = {
    name,
    ...listenOn(view, outboundPort),
    trafficDirection: TrafficDirection.OUTBOUND,
    useOriginalDst: isTrue,
    filterChains: [
      {
        // A connection made to this port itself would be sent to itself for ever.
        name: 'virtualOutbound-blackhole',
        filterChainMatch: { destinationPort: uint32(outboundPort) },
        filters: [tcpProxy(blackHoleCluster, view.config)],
      },
      { name: 'virtualOutbound-catchall-tcp', filters: [tcpProxy(restCluster(view), view.config)] },
    ],
  };
  return { type: Listener, name, message, sources: [] };
}

type HttpPlace = Pick<Extract<ListenerContribution, { kind: 'http' }>, 'port' | 'bind' | 'bindToPort'>;

function httpListenerName(view: OutboundView, { port, bind }: HttpPlace): string {
  return listenerName(bind ?? wildcardAddresses(view.scope.families)[0], port);
}

/** For connections to a port that nobody speaks HTTP on. */
function connectionListener(view: OutboundView, port: number): Resource<Listener> {
  const name = httpListenerName(view, { port });
  const message: Listener = {
    name,
    ...listenOn(view, port),
    trafficDirection: TrafficDirection.OUTBOUND,
    bindToPort: isFalse,
    defaultFilterChain: { name: 'PassthroughFilterChain', filters: [tcpProxy(restCluster(view), view.config)] },
  };
  return { type: Listener, name, message, sources: [] };
}

// A port number says little of what others use it for: what does not speak HTTP goes on as it came.
function httpListener(view: OutboundView, place: HttpPlace): Resource<Listener> {
  const { port, bind, bindToPort } = place;
  const name = httpListenerName(view, place);
  const message: Listener = {
    name,
    ...(bind === undefined ? listenOn(view, port) : { address: socketAddress(bind, port) }),
    trafficDirection: TrafficDirection.OUTBOUND,
    ...(bindToPort === undefined ? { bindToPort: isFalse } : {}),
    listenerFilters: [tlsInspector(), httpInspector()],
    // A client may open connections long before its first request: it is waited for without end.
    listenerFiltersTimeout: duration(0),
    filterChains: [
      {
        name: 'http',
        filterChainMatch: { transportProtocol: 'raw_buffer', applicationProtocols: ['http/1.0', 'http/1.1', 'h2c'] },
        filters: [
          httpConnectionManager({
            config: view.config,
            statPrefix: `outbound_${name}`,
            routes: { kind: 'discovered', name: routeName(port) },
            side: 'outbound',
          }),
        ],
      },
    ],
    defaultFilterChain: { name: 'PassthroughFilterChain', filters: [tcpProxy(restCluster(view), view.config)] },
  };
  return { type: Listener, name, message, sources: [] };
}

function addressedListener(
  view: OutboundView,
  name: string,
  { address, port, bindToPort, cluster, settings, routes, source }: Extract<ListenerContribution, { kind: 'tcp' }>,
): Resource<Listener> {
  const own = distinctRoutes(routes.filter((route) => leadsTo(route, address)));
  const takesAll = own.some(({ serverNames, sourceSubnet }) => serverNames.length === 0 && sourceSubnet === undefined);
  const message: Listener = {
    name,
    address: socketAddress(address, port),
    trafficDirection: TrafficDirection.OUTBOUND,
    ...(bindToPort === undefined ? { bindToPort: isFalse } : {}),
    ...(own.some(({ serverNames }) => serverNames.length > 0)
      ? {
          listenerFilters: [tlsInspector()],
          listenerFiltersTimeout: duration(helloWaitMs),
          continueOnListenerFiltersTimeout: true,
        }
      : {}),
    filterChains: [
      ...own.map((route) => connectionChain(route, view.config, cluster)),
      ...(takesAll ? [] : [{ filters: [tcpProxy(cluster, view.config, { settings })] }]),
    ],
  };
  return { type: Listener, name, message, sources: [source] };
}

function listenOn(view: OutboundView, port: number): Pick<Listener, 'address' | 'additionalAddresses'> {
  const [main, ...others] = wildcardAddresses(view.scope.families);
  return {
    address: socketAddress(main, port),
    additionalAddresses: others.map((address) => ({ address: socketAddress(address, port) })),
  };
}

/** Where what no service has goes. */
function restCluster(view: OutboundView): string {
  return view.outboundTrafficPolicy === 'allow-any' ? passthroughCluster : blackHoleCluster;
}
