// What a host contributes to a gateway: for each HTTP server that serves it a virtual host, for each server that passes
// connections on the TLS and TCP routes of its VirtualServices.

import { objectKey, type Hostname, type ObjectKey } from '../../discovery/model/names.ts';
import { compareText } from '../../discovery/model/network-gateway.ts';
import type { VirtualServicePolicy } from '../../discovery/model/policy.ts';
import type { Problem } from '../../discovery/model/problem.ts';
import { VirtualHost, VirtualHost_TlsRequirementType } from '../../proto/generated/envoy.config.route.v3.ts';
import type { OutboundView } from '../view/outbound-view.ts';
import { commonNames, endsTls, serverCovers, serverDeclares } from '../view/server-hosts.ts';
import { hostMatches } from '../view/visibility.ts';
import type { HostRoutes } from './host-resources.ts';
import { connectionRoutes } from './connection-routes.ts';
import { connectionServers, httpServers, serverRouteName, type ServerOfGateway } from './gateway-servers.ts';
import type { ListenerContribution } from './listener-contribution.ts';
import { virtualHostName } from './names.ts';
import type { Resource } from './resource.ts';
import { declaredRoutes, joinRoutes, type DeclaredRoutes } from './route.ts';

export function generateIngressHost(view: OutboundView, host: Hostname): HostRoutes {
  const requests = requestsTo(view, host);
  const connections = connectionsTo(view, host);
  return { ...requests, ...connections, problems: [...requests.problems, ...connections.problems] };
}

/** What servers that share a route configuration have for the host. */
interface SharedHost {
  readonly port: number;
  readonly declared: DeclaredRoutes[];
  readonly policies: Set<VirtualServicePolicy>;
  readonly gateways: Set<ObjectKey>;
  redirects: boolean;
}

/** Of several VirtualServices for the host the routes of all, the older ones first; likewise of several Gateways. */
function requestsTo(view: OutboundView, host: Hostname): Omit<HostRoutes, 'listeners'> {
  const byRoute = new Map<string, SharedHost>();
  for (const one of httpServers(view)) {
    const { gateway, server } = one;
    const routeName = serverRouteName(one);
    const shared = byRoute.get(routeName) ?? newHost(server.port);
    const policies = policiesFor(view, one, host).filter((policy) => !shared.policies.has(policy));
    const redirects = server.httpsRedirect === true && (policies.length > 0 || serverDeclares(one, host));
    if (policies.length === 0 && !redirects) continue;
    byRoute.set(routeName, shared);
    shared.redirects ||= redirects;
    shared.gateways.add(gateway.source);
    for (const policy of policies) shared.policies.add(policy);
    const place = { port: server.port, gateway: `${gateway.namespace}/${gateway.name}`, isTls: endsTls(server) };
    shared.declared.push(declaredRoutes(view, policies, place));
  }
  const hosts = [...byRoute].map(([routeName, shared]) => virtualHost(routeName, host, shared));
  return {
    virtualHosts: hosts.map(({ routeName, resource }) => ({ routeName, resource })),
    problems: hosts.flatMap(({ problems }) => problems),
  };
}

function newHost(port: number): SharedHost {
  return { port, declared: [], policies: new Set(), gateways: new Set(), redirects: false };
}

function virtualHost(
  routeName: string,
  host: Hostname,
  { port, declared, policies, gateways, redirects }: SharedHost,
): { readonly routeName: string; readonly resource: Resource<VirtualHost>; readonly problems: readonly Problem[] } {
  const { routes, problems } = joinRoutes(declared);
  const name = virtualHostName(routeName, host, port);
  const message: VirtualHost = {
    name,
    domains: [host],
    routes,
    includeRequestAttemptCount: true,
    ...(redirects ? { requireTls: VirtualHost_TlsRequirementType.ALL } : {}),
  };
  const sources = [...[...policies].map(({ source }) => source), ...gateways];
  return { routeName, resource: { type: VirtualHost, name, message, sources }, problems };
}

/**
 * VirtualServices that a server has for the host: those that declare it, where the server's hosts cover it, and, for a host that
 * the server declares itself, those with a pattern that covers it. The narrower of the two hosts holds, as in Istio.
 */
function policiesFor(view: OutboundView, one: ServerOfGateway, host: Hostname): readonly VirtualServicePolicy[] {
  const gateway = `${one.gateway.namespace}/${one.gateway.name}`;
  const declaring = view.virtualServicesAt(host, gateway).filter((policy) => serverCovers(one, policy, host));
  const covering = serverDeclares(one, host)
    ? view.virtualServicesCovering(host, gateway).filter((policy) => serverDeclares(one, host, policy))
    : [];
  return [...new Set([...declaring, ...covering])]
    .filter(({ http }) => http.length > 0)
    .toSorted((a, b) => a.createdAtMs - b.createdAtMs || compareText(a.source, b.source));
}

function connectionsTo(view: OutboundView, host: Hostname): Omit<HostRoutes, 'virtualHosts'> {
  const listeners: ListenerContribution[] = [];
  const problems: Problem[] = [];
  for (const one of connectionServers(view)) {
    const { gateway, server, id } = one;
    const name = `${gateway.namespace}/${gateway.name}`;
    for (const policy of view.virtualServicesAt(host, name)) {
      const common = commonNames(one, policy, host);
      if (common.length === 0) continue;
      const declared = connectionRoutes(view, policy, { port: server.port, gateway: name });
      const { createdAtMs } = policy;
      const source = objectKey('VirtualService', policy.namespace, policy.name);
      for (const [rank, route] of declared.routes.entries()) {
        // TLS that is passed through shows a server name; what is plain, or is once its TLS has ended, shows none.
        if ((server.tlsMode === 'passthrough') !== route.serverNames.length > 0) continue;
        const serverNames = endsTls(server)
          ? one.serverNames.filter((own) => common.some((name) => hostMatches(own, name) || hostMatches(name, own)))
          : route.serverNames.flatMap((name) => commonNames(one, policy, name));
        if (server.tlsMode !== undefined && serverNames.length === 0) continue;
        const through = { ...route, serverNames };
        listeners.push({
          kind: 'connection',
          port: server.port,
          server: id,
          route: through,
          rank,
          source,
          createdAtMs,
        });
      }
      problems.push(...declared.problems);
    }
  }
  return { listeners, problems };
}
