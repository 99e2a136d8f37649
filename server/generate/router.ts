// Listeners of gateways, one a socket, as the Gateways that select them declare: requests routed by virtual host, connections
// by server name, TLS that ends here or is passed on, and mTLS that is passed on between networks.

import { compareText } from '../../discovery/model/network-gateway.ts';
import { TrafficDirection } from '../../proto/generated/envoy.config.core.v3.ts';
import { Listener, type FilterChain } from '../../proto/generated/envoy.config.listener.v3.ts';
import type { OutboundView } from '../view/outbound-view.ts';
import { endsTls } from '../view/server-hosts.ts';
import { socketAddress } from './address.ts';
import { networkAuthorization } from './authorization/authorization-filters.ts';
import { chainMatch, connectionChain } from './connection-chain.ts';
import { distinctRoutes, type ConnectionRoute } from './connection-routes.ts';
import { gatewayServers, serverRouteName, type ServerOfGateway } from './gateway-servers.ts';
import { asksForCertificate, gatewayTls } from './gateway-tls.ts';
import { httpConnectionManager } from './http-connection-manager.ts';
import type { ListenerContribution } from './listener-contribution.ts';
import { tlsInspector } from './listener-filter.ts';
import { blackHoleCluster, listenerName, wildcardAddresses } from './names.ts';
import type { Resource } from './resource.ts';
import { tcpProxy } from './tcp-proxy.ts';
import { meshAlpnProtocols } from './transport-socket.ts';

type ServerName = Extract<ListenerContribution, { kind: 'sni' }>;
type Connection = Extract<ListenerContribution, { kind: 'connection' }>;

/** A socket without any filter chain has no listener: Envoy takes none. */
export function generateRouterListeners(
  view: OutboundView,
  contributions: Iterable<ListenerContribution>,
): readonly Resource<Listener>[] {
  const exported = new Map<number, ServerName[]>();
  const connections = new Map<string, Connection[]>();
  for (const contribution of contributions) {
    if (contribution.kind === 'sni') append(exported, contribution.port, contribution);
    else if (contribution.kind === 'connection') append(connections, contribution.server, contribution);
  }
  const sockets = new Map<string, ServerOfGateway[]>();
  for (const one of gatewayServers(view).accepted) append(sockets, socketName(view, one), one);
  return [...sockets]
    .flatMap(([name, servers]) => {
      const [first] = servers;
      if (first === undefined) return [];
      const of = { servers, connections: servers.flatMap(({ id }) => connections.get(id) ?? []) };
      const chains = first.socket.kind === 'http' ? [plainHttpChain(view, first)] : connectionChains(view, of);
      const isExporting = servers.some(({ server }) => server.tlsMode === 'auto-passthrough');
      const listener = {
        name,
        ...listenOn(view, first),
        trafficDirection: TrafficDirection.OUTBOUND,
        ...(isExporting || chains.some(({ filterChainMatch }) => filterChainMatch?.transportProtocol === 'tls')
          ? { listenerFilters: [tlsInspector()] }
          : {}),
      };
      if (!isExporting) return chains.length === 0 ? [] : [resource(servers, { ...listener, filterChains: chains })];
      const passthrough = (exported.get(first.server.port) ?? [])
        .toSorted((a, b) => compareText(a.sni, b.sni))
        .map(({ sni }) => passthroughChain(view, sni));
      // A name that is not exported is refused; with no chain at all Envoy would refuse the listener.
      const defaultFilterChain = {
        name: 'unknown-server-name',
        filters: [tcpProxy(blackHoleCluster, view.config)],
      };
      return [resource(servers, { ...listener, filterChains: [...passthrough, ...chains], defaultFilterChain })];
    })
    .toSorted((a, b) => compareText(a.name, b.name));
}

function append<K, V>(lists: Map<K, V[]>, key: K, value: V): void {
  const list = lists.get(key) ?? [];
  list.push(value);
  lists.set(key, list);
}

function socketName(view: OutboundView, { socket }: ServerOfGateway): string {
  return listenerName(socket.bind ?? wildcardAddresses(view.scope.families)[0], socket.port);
}

function listenOn(view: OutboundView, { socket }: ServerOfGateway): Pick<Listener, 'address' | 'additionalAddresses'> {
  const { bind, port } = socket;
  const [main, ...others] = bind === undefined ? wildcardAddresses(view.scope.families) : [bind];
  return {
    address: socketAddress(main, port),
    additionalAddresses: others.map((address) => ({ address: socketAddress(address, port) })),
  };
}

function plainHttpChain(view: OutboundView, one: ServerOfGateway): FilterChain {
  return { filters: [requests(view, one)] };
}

function requests(view: OutboundView, one: ServerOfGateway): NonNullable<FilterChain['filters']>[number] {
  return httpConnectionManager({
    config: view.config,
    statPrefix: `gateway_${one.server.port}`,
    routes: { kind: 'discovered', name: serverRouteName(one) },
    side: asksForCertificate(one.server) ? 'edge-mutual' : 'edge',
    topology: view.scope.topology,
    security: view.scope.security,
  });
}

/** A chain to be, by what it matches. */
interface Candidate extends ConnectionRoute {
  readonly server: ServerOfGateway | undefined;
  readonly reads: 'requests' | 'bytes';
}

/**
 * Servers that end TLS and read requests have their names before routes of connections, and those by the age of their
 * VirtualServices. What nothing is for is closed: Envoy does so when no chain matches.
 */
function connectionChains(
  view: OutboundView,
  of: { readonly servers: readonly ServerOfGateway[]; readonly connections: readonly Connection[] },
): readonly FilterChain[] {
  const byId = new Map(of.servers.map((one) => [one.id, one]));
  const routed = of.connections
    .toSorted((a, b) => a.createdAtMs - b.createdAtMs || compareText(a.source, b.source) || a.rank - b.rank)
    .map(({ route, server }): Candidate => ({ ...route, server: byId.get(server), reads: 'bytes' }));
  const reading = of.servers
    .filter(({ server }) => server.protocol === 'https' && endsTls(server))
    .map((server): Candidate => {
      const { serverNames } = server;
      return { serverNames, destinationSubnets: [], clusters: [], server, reads: 'requests' };
    });
  return distinctRoutes([...reading, ...routed]).map((candidate) => chainOf(view, candidate));
}

function chainOf(view: OutboundView, candidate: Candidate): FilterChain {
  const { server: one, reads } = candidate;
  const server = one?.server;
  const { config } = view;
  const transportSocket =
    server === undefined || !endsTls(server)
      ? {}
      : {
          transportSocket: gatewayTls({
            server,
            http: reads === 'requests',
            trustDomains: [...new Set([config.trustDomain, ...config.trustDomainAliases])],
          }),
        };
  if (reads === 'requests' && one !== undefined) {
    return { ...chainMatch(candidate), filters: [requests(view, one)], ...transportSocket };
  }
  const chain = connectionChain(candidate, config, `gateway_${server?.port ?? 0}`);
  const authorization = networkAuthorization(view.scope.security.authorization, config);
  return { ...chain, filters: [...authorization, ...(chain.filters ?? [])], ...transportSocket };
}

function resource(servers: readonly ServerOfGateway[], message: Listener): Resource<Listener> {
  const sources = [...new Set(servers.map(({ gateway }) => gateway.source))];
  return { type: Listener, name: message.name ?? '', message, sources };
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
