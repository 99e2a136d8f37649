// Virtual hosts of gateways that serve plain HTTP: a VirtualService that names the Gateway, for each of the Gateway's HTTP
// servers whose hosts cover its own.

import type { Hostname } from '../../discovery/model/names.ts';
import type { GatewayPolicy, GatewayServer, VirtualServicePolicy } from '../../discovery/model/policy.ts';
import type { Problem } from '../../discovery/model/problem.ts';
import { VirtualHost } from '../../proto/generated/envoy.config.route.v3.ts';
import type { OutboundView } from '../view/outbound-view.ts';
import { hostMatches } from '../view/visibility.ts';
import type { ListenerContribution } from './listener-contribution.ts';
import { gatewayRouteName, virtualHostName } from './names.ts';
import type { Resource } from './resource.ts';
import { declaredRoutes } from './route.ts';

export interface IngressHost {
  readonly virtualHosts: readonly { readonly routeName: string; readonly resource: Resource<VirtualHost> }[];
  readonly listeners: readonly ListenerContribution[];
  readonly problems: readonly Problem[];
}

/** What a host that some VirtualService declares for this router's Gateways contributes. */
export function generateIngressHost(view: OutboundView, host: Hostname): IngressHost {
  const virtualHosts: { routeName: string; resource: Resource<VirtualHost> }[] = [];
  const problems: Problem[] = [];
  for (const { gateway, server } of httpServers(view)) {
    const routeName = gatewayRouteName(server.port);
    // Two Gateways may have one port: the first that has the host serves it.
    if (virtualHosts.some((known) => known.routeName === routeName)) continue;
    const name = `${gateway.namespace}/${gateway.name}`;
    const policy = view.virtualService(host, name);
    if (policy === undefined || !policy.hosts.includes(host)) continue;
    if (!server.hosts.some((declared) => covers(declared, gateway, policy, host))) continue;
    const { routes, problems: found } = declaredRoutes(view, [policy], { port: server.port, gateway: name });
    const resource: Resource<VirtualHost> = {
      type: VirtualHost,
      name: virtualHostName(routeName, host, server.port),
      message: {
        name: virtualHostName(routeName, host, server.port),
        domains: [host],
        routes,
        includeRequestAttemptCount: true,
      },
      sources: [policy.source, gateway.source],
    };
    virtualHosts.push({ routeName, resource });
    problems.push(...found);
  }
  const ports = httpServers(view).map(({ server }) => server.port);
  const used = [...new Set(ports)].filter((port) =>
    virtualHosts.some(({ routeName }) => routeName === gatewayRouteName(port)),
  );
  return { virtualHosts, listeners: used.map((port) => ({ kind: 'http', port })), problems };
}

/** Whether this router sends requests anywhere by itself, and so needs clusters for services. */
export function servesHttp(view: OutboundView): boolean {
  return httpServers(view).length > 0;
}

function httpServers(
  view: OutboundView,
): readonly { readonly gateway: GatewayPolicy; readonly server: GatewayServer }[] {
  return view
    .gateways()
    .flatMap((gateway) => gateway.servers.map((server) => ({ gateway, server })))
    .filter(({ server: { protocol, tlsMode } }) => {
      return tlsMode === undefined && (protocol === 'http' || protocol === 'http2' || protocol === 'grpc');
    });
}

// A server's host may be limited to the VirtualServices of one namespace: `NAMESPACE/HOST`, where `.` is the Gateway's own.
function covers(declared: string, gateway: GatewayPolicy, policy: VirtualServicePolicy, host: Hostname): boolean {
  const slash = declared.indexOf('/');
  const limit = slash < 0 ? '*' : declared.slice(0, slash);
  const namespace = limit === '.' ? gateway.namespace : limit;
  return (namespace === '*' || namespace === policy.namespace) && hostMatches(declared.slice(slash + 1), host);
}
