// What a Gateway's servers say of hosts: which they declare, and for which VirtualServices.

import { hostname, type Hostname } from '../../discovery/model/names.ts';
import type { GatewayPolicy, GatewayServer } from '../../discovery/model/policy.ts';
import { hostMatches } from './visibility.ts';

/** Whether TLS of clients ends at the server. */
export function endsTls({ tlsMode }: GatewayServer): boolean {
  return tlsMode !== undefined && tlsMode !== 'passthrough' && tlsMode !== 'auto-passthrough';
}

/** Whether the server reads requests, rather than pass bytes on. */
export function readsRequests(server: GatewayServer): boolean {
  const { protocol } = server;
  return (
    protocol === 'http' || protocol === 'http2' || protocol === 'grpc' || (protocol === 'https' && endsTls(server))
  );
}

/** Hosts that servers which read requests declare: where a VirtualService's pattern covers one, the narrower holds. */
export function serverHosts(gateways: readonly GatewayPolicy[]): readonly Hostname[] {
  const servers = gateways.flatMap((gateway) => gateway.servers);
  return servers.filter(readsRequests).flatMap(({ hosts }) => hosts.map((host) => hostname(withoutNamespace(host))));
}

interface Declaring {
  readonly gateway: GatewayPolicy;
  readonly server: GatewayServer;
}

/**
 * Whether a server is for a host of an object. A server's host may be limited to the objects of one namespace:
 * `NAMESPACE/HOST`, where `.` is the Gateway's own.
 */
export function serverCovers(
  { gateway, server }: Declaring,
  object: { readonly namespace: string },
  host: Hostname,
): boolean {
  return server.hosts.some(
    (declared) => admits(declared, gateway, object) && hostMatches(withoutNamespace(declared), host),
  );
}

/** Whether a server declares exactly this host, for objects of the namespace where one is given. */
export function serverDeclares(
  { gateway, server }: Declaring,
  host: Hostname,
  object?: { readonly namespace: string },
): boolean {
  return server.hosts.some(
    (declared) => withoutNamespace(declared) === host && (object === undefined || admits(declared, gateway, object)),
  );
}

/**
 * What a server's hosts and a name of an object have in common: of two where one covers the other the narrower; empty where none
 * does.
 */
export function commonNames(
  { gateway, server }: Declaring,
  object: { readonly namespace: string },
  name: string,
): readonly string[] {
  const common = server.hosts
    .filter((declared) => admits(declared, gateway, object))
    .flatMap((declared) => {
      const own = withoutNamespace(declared);
      if (hostMatches(own, name)) return [name];
      return hostMatches(name, own) ? [own] : [];
    });
  return [...new Set(common)];
}

/** The host of `HOST` or `NAMESPACE/HOST`. */
export function withoutNamespace(declared: string): string {
  return declared.slice(declared.indexOf('/') + 1);
}

function admits(declared: string, gateway: GatewayPolicy, { namespace }: { readonly namespace: string }): boolean {
  const slash = declared.indexOf('/');
  const limit = slash < 0 ? '*' : declared.slice(0, slash);
  return limit === '*' || (limit === '.' ? gateway.namespace : limit) === namespace;
}
