// Servers of the Gateways that select a router: which of them are in force, since several may want one socket, and what is done
// with their traffic. In: a view. Out: servers by precedence, and findings about those that another one keeps from their port.

import type { GatewayPolicy, GatewayServer } from '../../discovery/model/policy.ts';
import type { Problem } from '../../discovery/model/problem.ts';
import type { OutboundView } from '../view/outbound-view.ts';
import { endsTls, readsRequests, withoutNamespace } from '../view/server-hosts.ts';
import { gatewayRouteName, tlsGatewayRouteName } from './names.ts';

export interface ServerOfGateway {
  readonly gateway: GatewayPolicy;
  readonly server: GatewayServer;
  /** Place of the server in its Gateway. */
  readonly index: number;
  readonly socket: ServerSocket;
  /** `NAMESPACE/NAME/INDEX` */
  readonly id: string;
  /** Without their namespaces; where TLS is ended, without those that a server of higher precedence has. */
  readonly serverNames: readonly string[];
}

/** What servers share: one listener. */
export interface ServerSocket {
  readonly bind: string | undefined;
  /** The port of the pod behind that of the Gateway. */
  readonly port: number;
  readonly kind: 'http' | 'tls' | 'tcp';
}

export interface GatewayServers {
  readonly accepted: readonly ServerOfGateway[];
  readonly problems: readonly Problem[];
}

const known = new WeakMap<OutboundView, GatewayServers>();

/** A view is immutable and is asked for each host, so the answer is kept as long as the view. */
export function gatewayServers(view: OutboundView): GatewayServers {
  const servers = known.get(view) ?? chooseServers(view);
  known.set(view, servers);
  return servers;
}

/** Servers whose requests are routed by virtual hosts. */
export function httpServers(view: OutboundView): readonly ServerOfGateway[] {
  return gatewayServers(view).accepted.filter(({ server }) => readsRequests(server));
}

/** Servers whose connections are routed unread: passed through, plain, or with their TLS ended. */
export function connectionServers(view: OutboundView): readonly ServerOfGateway[] {
  return gatewayServers(view).accepted.filter(
    ({ server }) => !readsRequests(server) && server.tlsMode !== 'auto-passthrough',
  );
}

/** Whether the router sends requests or connections anywhere by itself, and so needs clusters for services. */
export function sendsToServices(view: OutboundView): boolean {
  return gatewayServers(view).accepted.some(({ server }) => server.tlsMode !== 'auto-passthrough');
}

/** The route configuration of a server's requests. Servers of plain HTTP on one socket share it. */
export function serverRouteName({ gateway, server, index, socket }: ServerOfGateway): string {
  if (socket.kind === 'http') return gatewayRouteName(server.port, socket.bind);
  const { name, namespace } = gateway;
  return tlsGatewayRouteName({ port: server.port, server: server.name || String(index), gateway: name, namespace });
}

/** Route configurations that listeners refer to, whether any host has a route or not. */
export function gatewayRouteNames(view: OutboundView): ReadonlySet<string> {
  return new Set(httpServers(view).map((one) => serverRouteName(one)));
}

/** What is known of one socket while servers are looked at in order. */
interface Claimed {
  readonly socket: ServerSocket;
  readonly first: ServerOfGateway;
  /** Server names that end TLS, and who has each. */
  readonly names: Map<string, ServerOfGateway>;
}

/** The older Gateway first, then by namespace and name; the servers of one in order. */
function chooseServers(view: OutboundView): GatewayServers {
  const accepted: ServerOfGateway[] = [];
  const problems: Problem[] = [];
  const sockets = new Map<string, Claimed>();
  const targetPorts = new Map(view.scope.targetPorts);
  for (const gateway of view.gateways()) {
    for (const [index, server] of gateway.servers.entries()) {
      const socket = {
        bind: server.bind,
        port: targetPorts.get(server.port) ?? server.port,
        kind: socketKind(server),
      };
      const serverNames = server.hosts.map(withoutNamespace);
      const one = { gateway, server, index, socket, serverNames, id: `${gateway.namespace}/${gateway.name}/${index}` };
      const key = `${socket.bind ?? ''} ${socket.port}`;
      const claimed = sockets.get(key) ?? { socket, first: one, names: new Map() };
      sockets.set(key, claimed);
      if (claimed.socket.kind !== socket.kind || claimed.first.server.port !== server.port) {
        problems.push(portConflict(one, claimed.first));
        continue;
      }
      const taken = endsTls(server) ? claim(one, claimed.names) : undefined;
      problems.push(...(taken?.problems ?? []));
      if (taken === undefined) accepted.push(one);
      else if (taken.serverNames.length > 0) accepted.push({ ...one, serverNames: taken.serverNames });
    }
  }
  return { accepted, problems };
}

function socketKind(server: GatewayServer): ServerSocket['kind'] {
  if (server.tlsMode !== undefined) return 'tls';
  return readsRequests(server) ? 'http' : 'tcp';
}

function claim(
  one: ServerOfGateway,
  names: Map<string, ServerOfGateway>,
): { readonly serverNames: readonly string[]; readonly problems: readonly Problem[] } {
  const problems: Problem[] = [];
  const serverNames: string[] = [];
  for (const [place, name] of one.serverNames.entries()) {
    const holder = names.get(name);
    if (holder === undefined) {
      names.set(name, one);
      serverNames.push(name);
    } else if (holder !== one) problems.push(hostConflict(one, holder, place));
  }
  return { serverNames, problems };
}

const kindWords: Readonly<Record<ServerSocket['kind'], string>> = { http: 'HTTP', tls: 'TLS', tcp: 'TCP' };

function portConflict(one: ServerOfGateway, other: ServerOfGateway): Problem {
  const { server, socket } = one;
  const why =
    other.server.port === server.port
      ? `${kindWords[other.socket.kind]} there, and one port can't be both that and ${kindWords[socket.kind]}`
      : `its port ${other.server.port} there, and both are port ${socket.port} of the pod`;
  const message =
    `${other.gateway.source} is of higher precedence and serves ${why}, so this server is not served at the ` +
    `gateways that both select; give one of them another port, or a selector of its own.`;
  return conflict(one, 'port', 'conflicting-port', message);
}

function hostConflict(one: ServerOfGateway, other: ServerOfGateway, place: number): Problem {
  const message =
    `${other.gateway.source} is of higher precedence and ends TLS for ${one.serverNames[place] ?? ''} on the same ` +
    `port, so connections for that name are that server's; remove the host from one of the two.`;
  return conflict(one, `hosts[${place}]`, 'conflicting-host', message);
}

function conflict({ gateway, index }: ServerOfGateway, field: string, code: string, message: string): Problem {
  const { source: object, origin } = gateway;
  const place = origin === undefined ? {} : { origin };
  return { severity: 'warning', code, object, field: `spec.servers[${index}].${field}`, ...place, message };
}
