// What a host of VirtualServices contributes to a gateway: for each HTTP server whose hosts cover it a virtual host, for each
// server that passes connections on its TLS and TCP routes.

import { objectKey, type Hostname } from '../../discovery/model/names.ts';
import type { Problem } from '../../discovery/model/problem.ts';
import { VirtualHost } from '../../proto/generated/envoy.config.route.v3.ts';
import type { OutboundView } from '../view/outbound-view.ts';
import type { HostRoutes } from './host-resources.ts';
import { connectionRoutes } from './connection-routes.ts';
import { connectionServers, httpServers, serverCovers } from './gateway-servers.ts';
import type { ListenerContribution } from './listener-contribution.ts';
import { gatewayRouteName, virtualHostName } from './names.ts';
import type { Resource } from './resource.ts';
import { declaredRoutes } from './route.ts';

export function generateIngressHost(view: OutboundView, host: Hostname): HostRoutes {
  const requests = requestsTo(view, host);
  const connections = connectionsTo(view, host);
  return {
    virtualHosts: requests.virtualHosts,
    listeners: [...requests.listeners, ...connections.listeners],
    problems: [...requests.problems, ...connections.problems],
  };
}

/** Of several VirtualServices for the host the routes of all, the older ones first. */
function requestsTo(view: OutboundView, host: Hostname): HostRoutes {
  const virtualHosts: { routeName: string; resource: Resource<VirtualHost> }[] = [];
  const problems: Problem[] = [];
  const ports = new Set<number>();
  for (const one of httpServers(view)) {
    const { gateway, server } = one;
    const routeName = gatewayRouteName(server.port);
    // Two Gateways may have one port: the first that has the host serves it.
    if (ports.has(server.port)) continue;
    const name = `${gateway.namespace}/${gateway.name}`;
    const policies = view
      .virtualServicesAt(host, name)
      .filter((policy) => policy.http.length > 0 && serverCovers(one, policy, host));
    if (policies.length === 0) continue;
    const declared = declaredRoutes(view, policies, { port: server.port, gateway: name });
    const message: VirtualHost = {
      name: virtualHostName(routeName, host, server.port),
      domains: [host],
      routes: declared.routes,
      includeRequestAttemptCount: true,
    };
    const sources = [...policies.map(({ source }) => source), gateway.source];
    virtualHosts.push({ routeName, resource: { type: VirtualHost, name: message.name ?? '', message, sources } });
    problems.push(...declared.problems);
    ports.add(server.port);
  }
  return { virtualHosts, listeners: [...ports].map((port) => ({ kind: 'http', port })), problems };
}

function connectionsTo(view: OutboundView, host: Hostname): Omit<HostRoutes, 'virtualHosts'> {
  const listeners: ListenerContribution[] = [];
  const problems: Problem[] = [];
  for (const one of connectionServers(view)) {
    const { gateway, server } = one;
    const name = `${gateway.namespace}/${gateway.name}`;
    for (const policy of view.virtualServicesAt(host, name)) {
      if (!serverCovers(one, policy, host)) continue;
      const declared = connectionRoutes(view, policy, { port: server.port, gateway: name });
      const { createdAtMs } = policy;
      const source = objectKey('VirtualService', policy.namespace, policy.name);
      for (const [rank, route] of declared.routes.entries()) {
        // TLS that is passed through shows a server name; plain connections show none.
        if ((server.tlsMode === 'passthrough') !== route.serverNames.length > 0) continue;
        listeners.push({ kind: 'connection', port: server.port, route, rank, source, createdAtMs });
      }
      problems.push(...declared.problems);
    }
  }
  return { listeners, problems };
}
