// Everything that one host contributes to what a class of proxies is sent: clusters, assignments, virtual hosts, and what
// it needs of listeners. In: a view and a host. A host that is not visible contributes nothing.

import type { Hostname } from '../../discovery/model/names.ts';
import { isHttp, type MeshService, type ServicePort } from '../../discovery/model/service.ts';
import type { ClusterLoadAssignment } from '../../proto/generated/envoy.config.endpoint.v3.ts';
import type { OutboundView } from '../view/outbound-view.ts';
import { connectionRoutes } from './connection-routes.ts';
import { declaredHostRoutes } from './declared-host.ts';
import { entryContributions } from './entry-addresses.ts';
import { noHostResources, type HostResources, type HostRoutes } from './host-resources.ts';
import type { ListenerContribution } from './listener-contribution.ts';
import { outboundClusterName, reservedPorts } from './names.ts';
import { protocolMismatch } from './protocol-mismatch.ts';
import type { Resource } from './resource.ts';
import { generateRouterAssignments, generateRouterClusters, generateRouterRoutes } from './router-host.ts';
import { connectionPorts, hasPodNames, serviceAssignments, serviceClusters, serviceKey } from './service-clusters.ts';
import { connectionSettings } from './tcp-proxy.ts';
import { trafficPolicyOf } from './traffic-policy.ts';
import { podVirtualHost, serviceVirtualHost } from './virtual-host.ts';

export type { HostResources } from './host-resources.ts';

/** All of a host. `assignments` is what `generateAssignments` gives, the routes are those of `generateRoutes`. */
export function generateHost(view: OutboundView, host: Hostname): HostResources {
  const service = view.service(host);
  const routes = generateRoutes(view, host);
  if (service === undefined) return { ...noHostResources, ...routes };
  const clusters =
    view.scope.type === 'router' ? generateRouterClusters(view, service) : serviceClusters(view, service);
  return { clusters, assignments: generateAssignments(view, host), ...routes };
}

/** The virtual hosts of a host and what it needs of listeners, for a change of nothing but VirtualServices. */
export function generateRoutes(view: OutboundView, host: Hostname): HostRoutes {
  const service = view.service(host);
  if (view.scope.type === 'router') return generateRouterRoutes(view, host, service);
  return service === undefined ? declaredHostRoutes(view, host) : serviceRoutes(view, service);
}

/** The assignments of a host alone, for a change of nothing but endpoints. */
export function generateAssignments(view: OutboundView, host: Hostname): readonly Resource<ClusterLoadAssignment>[] {
  const service = view.service(host);
  if (service === undefined) return [];
  return view.scope.type === 'router' ? generateRouterAssignments(view, service) : serviceAssignments(view, service);
}

function serviceRoutes(view: OutboundView, service: MeshService): HostRoutes {
  const ports = connectionPorts(service);
  const httpPorts = ports.filter(({ protocol, port }) => isHttp(protocol) && !reservedPorts.has(port));
  const virtualHosts = httpPorts.map((port) => serviceVirtualHost(view, service, port));
  const podPorts = httpPorts.filter((port) => hasPodNames(view, service, port));
  const others = ports.filter(({ protocol, port }) => !isHttp(protocol) && !reservedPorts.has(port));
  const connections = others.map((port) => portConnections(view, service, port));
  return {
    virtualHosts: [...virtualHosts, ...podPorts.map((port) => podVirtualHost(view, service, port))],
    listeners: [
      ...httpPorts.map(({ port }): ListenerContribution => ({
        kind: 'http',
        port,
        ...view.ownListener(service, port),
      })),
      ...connections.flatMap(({ listeners }) => listeners),
    ],
    problems: [
      ...[...virtualHosts, ...connections].flatMap(({ problems }) => problems),
      ...protocolMismatch(view, service, { http: httpPorts.length, others: others.length }),
    ],
  };
}

// HTTP is told apart by Host header on one listener a port; other protocols by where the connection was going: a virtual IP,
// or for a headless service one of its pods, since the same port of anybody else is none of its. A service that only other clusters have has no virtual IP here.
function portConnections(
  view: OutboundView,
  service: MeshService,
  port: ServicePort,
): Pick<HostRoutes, 'listeners' | 'problems'> {
  const policy = view.virtualService(service.host);
  const declared =
    policy === undefined
      ? { routes: [], problems: [] }
      : connectionRoutes(view, policy, { port: port.port, gateway: 'mesh' });
  const settings = connectionSettings(trafficPolicyOf(view.destinationRule(service.host), port.port, undefined));
  const target = {
    port: port.port,
    cluster: outboundClusterName({ host: service.host, port: port.port, subset: '' }),
    ...(settings === undefined ? {} : { settings }),
    routes: declared.routes,
    source: serviceKey(service),
    createdAtMs: service.createdAtMs,
  };
  const own = view.ownListener(service, port.port);
  if (own?.bind !== undefined) {
    const bound = { kind: 'tcp' as const, address: own.bind, bindToPort: own.bindToPort, ...target };
    return { listeners: [bound], problems: declared.problems };
  }
  if (service.entry !== undefined) {
    return {
      listeners: entryContributions(view, { service, entry: service.entry, port }, target),
      problems: declared.problems,
    };
  }
  const addresses =
    service.kind === 'headless' ? view.podAddresses(service.host, port) : view.virtualAddresses(service.host);
  const listeners = addresses.map((address): ListenerContribution => ({ kind: 'tcp', address, ...target }));
  return { listeners, problems: declared.problems };
}
