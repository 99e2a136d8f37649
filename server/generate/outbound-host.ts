// Everything that one host contributes to what a class of proxies is sent: clusters, assignments, virtual hosts, and what
// it needs of listeners. In: a view and a host. A host that is not visible contributes nothing.

import { objectKey, type Hostname, type ObjectKey } from '../../discovery/model/names.ts';
import type { DestinationRulePolicy, Subset, TrafficPolicy } from '../../discovery/model/policy.ts';
import { isHttp, type MeshService, type ServicePort } from '../../discovery/model/service.ts';
import { Cluster } from '../../proto/generated/envoy.config.cluster.v3.ts';
import { ClusterLoadAssignment } from '../../proto/generated/envoy.config.endpoint.v3.ts';
import type { OutboundView } from '../view/outbound-view.ts';
import { addressDiscoveryOf, serviceCluster } from './cluster.ts';
import { noHostResources, type HostResources } from './host-resources.ts';
import type { ListenerContribution, ToCluster } from './listener-contribution.ts';
import { loadAssignment } from './load-assignment.ts';
import { outboundClusterName, reservedPorts } from './names.ts';
import type { Resource } from './resource.ts';
import { generateRouterAssignments, generateRouterHost } from './router-host.ts';
import { reachOf, trafficPolicyOf } from './traffic-policy.ts';
import { serviceVirtualHost } from './virtual-host.ts';

export type { HostResources } from './host-resources.ts';

/** All of a host. `assignments` is what `generateAssignments` gives. */
export function generateHost(view: OutboundView, host: Hostname): HostResources {
  const service = view.service(host);
  if (service === undefined) return noHostResources;
  if (view.scope.type === 'router') return generateRouterHost(view, service);
  const ports = servedPorts(service);
  const virtualHosts = ports
    .filter(({ protocol, port }) => isHttp(protocol) && !reservedPorts.has(port))
    .map((port) => serviceVirtualHost(view, service, port));
  return {
    clusters: targetsOf(view, service).map((target) => clusterResource(view, service, target)),
    assignments: generateAssignments(view, host),
    virtualHosts,
    listeners: ports.flatMap((port) => listenerContributions(view, service, port)),
    problems: virtualHosts.flatMap(({ problems }) => problems),
  };
}

/** The assignments of a host alone, for a change of nothing but endpoints. */
export function generateAssignments(view: OutboundView, host: Hostname): readonly Resource<ClusterLoadAssignment>[] {
  const service = view.service(host);
  if (service === undefined) return [];
  if (view.scope.type === 'router') return generateRouterAssignments(view, service);
  const sources = [serviceKey(service)];
  return targetsOf(view, service).flatMap(({ port, subset, policy }) => {
    if (addressDiscoveryOf(service, port, policy) !== 'endpoints') return [];
    const name = outboundClusterName({ host, port: port.port, subset: subset?.name ?? '' });
    const selection = { labels: subset?.labels ?? {}, reach: reachOf(policy, view.config) };
    const message = loadAssignment(name, view.endpointsFor(host, port, selection));
    return [{ type: ClusterLoadAssignment, name, message, sources }];
  });
}

/** One cluster of a host: a port, or a subset of one. */
interface Target {
  readonly port: ServicePort;
  readonly subset: Subset | undefined;
  readonly policy: TrafficPolicy;
  readonly rule: DestinationRulePolicy | undefined;
}

function targetsOf(view: OutboundView, service: MeshService): readonly Target[] {
  const rule = view.destinationRule(service.host);
  return servedPorts(service).flatMap((port) =>
    [undefined, ...(rule?.subsets ?? [])].map((subset) => ({
      port,
      subset,
      policy: trafficPolicyOf(rule, port.port, subset),
      rule,
    })),
  );
}

function clusterResource(view: OutboundView, service: MeshService, target: Target): Resource<Cluster> {
  const { port, policy } = target;
  const rule = target.rule?.source;
  const message = serviceCluster({ view, service, port, subset: target.subset?.name ?? '', policy, rule });
  const sources = [serviceKey(service), ...(rule === undefined ? [] : [rule])];
  return { type: Cluster, name: message.name ?? '', message, sources };
}

// HTTP is told apart by Host header on one listener a port; other protocols by where the connection was going: a virtual IP,
// or for a headless service a pod. A service that only other clusters have has no virtual IP here.
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
  if (service.kind === 'headless') return [{ kind: 'original-destination', ...target }];
  return view.virtualAddresses(service.host).map((address) => addressed(address, target));
}

function addressed(address: string, target: ToCluster): ListenerContribution {
  return { kind: 'tcp', address, ...target };
}

function servedPorts(service: MeshService): readonly ServicePort[] {
  return service.ports.filter(({ protocol }) => protocol !== 'udp');
}

function serviceKey(service: MeshService): ObjectKey {
  return objectKey('Service', service.namespace, service.name);
}
