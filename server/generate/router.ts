// Listeners of gateways, as the Gateway objects that select them declare: mTLS passthrough between networks, and plain HTTP.

import { compareText } from '../../discovery/model/network-gateway.ts';
import { TrafficDirection } from '../../proto/generated/envoy.config.core.v3.ts';
import { Listener, type FilterChain } from '../../proto/generated/envoy.config.listener.v3.ts';
import type { OutboundView } from '../view/outbound-view.ts';
import { socketAddress } from './address.ts';
import { networkAuthorization } from './authorization/authorization-filters.ts';
import { connectionChain } from './connection-chain.ts';
import { distinctRoutes } from './connection-routes.ts';
import { httpConnectionManager } from './http-connection-manager.ts';
import type { ListenerContribution } from './listener-contribution.ts';
import { tlsInspector } from './listener-filter.ts';
import { blackHoleCluster, gatewayRouteName, listenerName, wildcardAddresses } from './names.ts';
import type { Resource } from './resource.ts';
import { tcpProxy } from './tcp-proxy.ts';
import { meshAlpnProtocols } from './transport-socket.ts';

type ServerName = Extract<ListenerContribution, { kind: 'sni' }>;
type Connection = Extract<ListenerContribution, { kind: 'connection' }>;

/**
 * One listener for each port of an `AUTO_PASSTHROUGH` server, with one filter chain for each server name, and one for each
 * other port that a VirtualService has routes for. Of several uses of one port the first in this order holds.
 */
export function generateRouterListeners(
  view: OutboundView,
  contributions: Iterable<ListenerContribution>,
): readonly Resource<Listener>[] {
  const byPort = new Map<number, ServerName[]>();
  const httpPorts = new Set<number>();
  const connections = new Map<number, Connection[]>();
  for (const gateway of view.gateways()) {
    for (const { tlsMode, port } of gateway.servers) if (tlsMode === 'auto-passthrough') byPort.set(port, []);
  }
  for (const contribution of contributions) {
    if (contribution.kind === 'sni') byPort.get(contribution.port)?.push(contribution);
    else if (contribution.kind === 'http' && !byPort.has(contribution.port)) httpPorts.add(contribution.port);
    else if (contribution.kind === 'connection') {
      const { port } = contribution;
      connections.set(port, [...(connections.get(port) ?? []), contribution]);
    }
  }
  const otherPorts = [...connections].filter(([port]) => !byPort.has(port) && !httpPorts.has(port));
  return [
    ...[...byPort].map(([port, serverNames]) => passthroughListener(view, port, serverNames)),
    ...[...httpPorts].map((port) => httpListener(view, port)),
    ...otherPorts.map(([port, routed]) => connectionListener(view, port, routed)),
  ].toSorted((a, b) => compareText(a.name, b.name));
}

/** Where a Gateway's port is listened on: the port of the pod behind that of its Service. */
function listenOn(view: OutboundView, servicePort: number): Pick<Listener, 'name' | 'address' | 'additionalAddresses'> {
  const [main, ...others] = wildcardAddresses(view.scope.families);
  const port = new Map(view.scope.targetPorts).get(servicePort) ?? servicePort;
  return {
    name: listenerName(main, port),
    address: socketAddress(main, port),
    additionalAddresses: others.map((address) => ({ address: socketAddress(address, port) })),
  };
}

function httpListener(view: OutboundView, port: number): Resource<Listener> {
  const routes = { kind: 'discovered', name: gatewayRouteName(port) } as const;
  const manager = httpConnectionManager({
    config: view.config,
    statPrefix: `gateway_${port}`,
    routes,
    side: 'edge',
    security: view.scope.security,
  });
  return resource(view, {
    ...listenOn(view, port),
    trafficDirection: TrafficDirection.OUTBOUND,
    filterChains: [{ filters: [manager] }],
  });
}

/** What no route is for is closed: Envoy does so when no chain matches. */
function connectionListener(view: OutboundView, port: number, routed: readonly Connection[]): Resource<Listener> {
  const inOrder = routed.toSorted(
    (a, b) => a.createdAtMs - b.createdAtMs || compareText(a.source, b.source) || a.rank - b.rank,
  );
  const routes = distinctRoutes(inOrder.map(({ route }) => route));
  return resource(view, {
    ...listenOn(view, port),
    trafficDirection: TrafficDirection.OUTBOUND,
    ...(routes.some(({ serverNames }) => serverNames.length > 0) ? { listenerFilters: [tlsInspector()] } : {}),
    filterChains: routes.map((route) => {
      const chain = connectionChain(route, view.config, `gateway_${port}`);
      const authorization = networkAuthorization(view.scope.security.authorization, view.config);
      return { ...chain, filters: [...authorization, ...(chain.filters ?? [])] };
    }),
  });
}

function resource(view: OutboundView, message: Listener): Resource<Listener> {
  return { type: Listener, name: message.name ?? '', message, sources: view.gateways().map(({ source }) => source) };
}

function passthroughListener(view: OutboundView, port: number, serverNames: readonly ServerName[]): Resource<Listener> {
  return resource(view, {
    ...listenOn(view, port),
    trafficDirection: TrafficDirection.OUTBOUND,
    listenerFilters: [tlsInspector()],
    filterChains: serverNames
      .toSorted((a, b) => compareText(a.sni, b.sni))
      .map(({ sni }) => passthroughChain(view, sni)),
    // A name that is not exported is refused; with no chain at all Envoy would refuse the listener.
    defaultFilterChain: { name: 'unknown-server-name', filters: [tcpProxy(blackHoleCluster, view.config)] },
  });
}

// TLS is not ended here: the workloads at both ends see each other's certificates.
function passthroughChain(view: OutboundView, sni: string): FilterChain {
  return {
    name: sni,
    filterChainMatch: {
      serverNames: [sni],
      transportProtocol: 'tls',
      applicationProtocols: meshAlpnProtocols,
    },
    filters: [tcpProxy(sni, view.config)],
  };
}
