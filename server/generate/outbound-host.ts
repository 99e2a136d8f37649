// Everything that one host contributes to what a class of proxies is sent: clusters, assignments, virtual hosts, and what
// it needs of listeners. In: a view and a host. A host that is not visible contributes nothing.

import type { Hostname } from '../../discovery/model/names.ts';
import { isHttp, type MeshService, type ServicePort } from '../../discovery/model/service.ts';
import type { ClusterLoadAssignment } from '../../proto/generated/envoy.config.endpoint.v3.ts';
import type { OutboundView } from '../view/outbound-view.ts';
import { noHostResources, type HostResources } from './host-resources.ts';
import type { ListenerContribution, ToCluster } from './listener-contribution.ts';
import { outboundClusterName, reservedPorts } from './names.ts';
import type { Resource } from './resource.ts';
import { generateRouterAssignments, generateRouterHost } from './router-host.ts';
import { connectionPorts, hasPodNames, serviceAssignments, serviceClusters, serviceKey } from './service-clusters.ts';
import { podVirtualHost, serviceVirtualHost } from './virtual-host.ts';

export type { HostResources } from './host-resources.ts';

/** All of a host. `assignments` is what `generateAssignments` gives. */
export function generateHost(view: OutboundView, host: Hostname): HostResources {
  const service = view.service(host);
  if (view.scope.type === 'router') return generateRouterHost(view, host, service);
  if (service === undefined) return noHostResources;
  const ports = connectionPorts(service);
  const httpPorts = ports.filter(({ protocol, port }) => isHttp(protocol) && !reservedPorts.has(port));
  const virtualHosts = httpPorts.map((port) => serviceVirtualHost(view, service, port));
  const podPorts = httpPorts.filter((port) => hasPodNames(view, service, port));
  return {
    clusters: serviceClusters(view, service),
    assignments: serviceAssignments(view, service),
    virtualHosts: [...virtualHosts, ...podPorts.map((port) => podVirtualHost(view, service, port))],
    listeners: ports.flatMap((port) => listenerContributions(view, service, port)),
    problems: virtualHosts.flatMap(({ problems }) => problems),
  };
}

/** The assignments of a host alone, for a change of nothing but endpoints. */
export function generateAssignments(view: OutboundView, host: Hostname): readonly Resource<ClusterLoadAssignment>[] {
  const service = view.service(host);
  if (service === undefined) return [];
  return view.scope.type === 'router' ? generateRouterAssignments(view, service) : serviceAssignments(view, service);
}

// HTTP is told apart by Host header on one listener a port; other protocols by where the connection was going: a virtual IP,
// or for a headless service one of its pods, since the same port of anybody else is none of its. A service that only other clusters have has no virtual IP here.
function listenerContributions(
  view: OutboundView,
  service: MeshService,
  port: ServicePort,
): readonly ListenerContribution[] {
  if (reservedPorts.has(port.port)) return [];
  if (isHttp(port.protocol)) return [{ kind: 'http', port: port.port }];
  const target = {
    port: port.port,
    cluster: outboundClusterName({ host: service.host, port: port.port, subset: '' }),
    source: serviceKey(service),
    createdAtMs: service.createdAtMs,
  };
  const addresses =
    service.kind === 'headless' ? view.podAddresses(service.host, port) : view.virtualAddresses(service.host);
  return addresses.map((address) => addressed(address, target));
}

function addressed(address: string, target: ToCluster): ListenerContribution {
  return { kind: 'tcp', address, ...target };
}
