// Servers of the Gateways that select a router, told apart by what is done with their traffic.

import type { Hostname } from '../../discovery/model/names.ts';
import type { GatewayPolicy, GatewayServer, VirtualServicePolicy } from '../../discovery/model/policy.ts';
import type { OutboundView } from '../view/outbound-view.ts';
import { hostMatches } from '../view/visibility.ts';

export interface ServerOfGateway {
  readonly gateway: GatewayPolicy;
  readonly server: GatewayServer;
}

/** Servers whose requests are routed by virtual hosts. */
export function httpServers(view: OutboundView): readonly ServerOfGateway[] {
  return servers(view).filter(
    ({ server: { protocol, tlsMode } }) =>
      tlsMode === undefined && (protocol === 'http' || protocol === 'http2' || protocol === 'grpc'),
  );
}

/** Servers whose connections are routed unread: TLS that is passed through, and plain TCP. */
export function connectionServers(view: OutboundView): readonly ServerOfGateway[] {
  return servers(view).filter(
    ({ server: { protocol, tlsMode } }) => tlsMode === 'passthrough' || (tlsMode === undefined && protocol === 'tcp'),
  );
}

/** Whether the router sends requests or connections anywhere by itself, and so needs clusters for services. */
export function sendsToServices(view: OutboundView): boolean {
  return httpServers(view).length + connectionServers(view).length > 0;
}

function servers(view: OutboundView): readonly ServerOfGateway[] {
  return view.gateways().flatMap((gateway) => gateway.servers.map((server) => ({ gateway, server })));
}

/**
 * Whether a server is for a host of a VirtualService. A server's host may be limited to the VirtualServices of one namespace:
 * `NAMESPACE/HOST`, where `.` is the Gateway's own.
 */
export function serverCovers(
  { gateway, server }: ServerOfGateway,
  policy: VirtualServicePolicy,
  host: Hostname,
): boolean {
  return server.hosts.some((declared) => {
    const slash = declared.indexOf('/');
    const limit = slash < 0 ? '*' : declared.slice(0, slash);
    const namespace = limit === '.' ? gateway.namespace : limit;
    return (namespace === '*' || namespace === policy.namespace) && hostMatches(declared.slice(slash + 1), host);
  });
}
