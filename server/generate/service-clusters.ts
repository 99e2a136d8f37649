// Clusters and assignments of a service, one of each for every port and for every subset of a port.

import { objectKey, type ObjectKey } from '../../discovery/model/names.ts';
import type { DestinationRulePolicy, Subset, TrafficPolicy } from '../../discovery/model/policy.ts';
import { isHttp, type MeshService, type ServicePort } from '../../discovery/model/service.ts';
import { Cluster } from '../../proto/generated/envoy.config.cluster.v3.ts';
import { ClusterLoadAssignment } from '../../proto/generated/envoy.config.endpoint.v3.ts';
import type { OutboundView } from '../view/outbound-view.ts';
import { addressDiscoveryOf, podCluster, serviceCluster } from './cluster.ts';
import { loadAssignment } from './load-assignment.ts';
import { outboundClusterName } from './names.ts';
import type { Resource } from './resource.ts';
import { selectionOf, trafficPolicyOf, withMeshDefaults } from './traffic-policy.ts';

export function serviceClusters(view: OutboundView, service: MeshService): readonly Resource<Cluster>[] {
  return targetsOf(view, service).flatMap(({ port, subset, policy, rule }) => {
    const source = rule?.source;
    const sources = [...serviceKeys(service), ...(source === undefined ? [] : [source]), ...(rule?.mergedFrom ?? [])];
    const options = { view, service, port, policy, rule: source };
    const messages = [serviceCluster({ ...options, subset })];
    if (subset === undefined && hasPodNames(view, service, port)) messages.push(podCluster(options));
    return messages.map((message) => ({ type: Cluster, name: message.name ?? '', message, sources }));
  });
}

/** Whether requests may name a pod: a sidecar's to a headless service. A router has no original destination. */
export function hasPodNames(view: OutboundView, service: MeshService, port: ServicePort): boolean {
  return view.scope.type === 'sidecar' && service.kind === 'headless' && isHttp(port.protocol);
}

/** For clusters whose endpoints are discovered; the others find their addresses themselves. */
export function serviceAssignments(
  view: OutboundView,
  service: MeshService,
): readonly Resource<ClusterLoadAssignment>[] {
  const { host } = service;
  const sources = serviceKeys(service);
  return targetsOf(view, service).flatMap(({ port, subset, policy }) => {
    if (addressDiscoveryOf({ view, service, port, policy }) !== 'endpoints') return [];
    const name = outboundClusterName({ host, port: port.port, subset: subset?.name ?? '' });
    const selection = selectionOf(policy, subset, view.config);
    const message = loadAssignment(name, view.endpointsFor(host, port, selection));
    return [{ type: ClusterLoadAssignment, name, message, sources }];
  });
}

/** Ports that connections are made to: Envoy is sent nothing for UDP. */
export function connectionPorts(service: MeshService): readonly ServicePort[] {
  return service.ports.filter(({ protocol }) => protocol !== 'udp');
}

export function serviceKey({ namespace, name, entry }: MeshService): ObjectKey {
  return entry?.source ?? objectKey('Service', namespace, name);
}

/** All that its ports and endpoints are declared by. */
function serviceKeys(service: MeshService): readonly ObjectKey[] {
  return [serviceKey(service), ...(service.entry?.mergedFrom ?? [])];
}

interface Target {
  readonly port: ServicePort;
  readonly subset: Subset | undefined;
  readonly policy: TrafficPolicy;
  readonly rule: DestinationRulePolicy | undefined;
}

function targetsOf(view: OutboundView, service: MeshService): readonly Target[] {
  const rule = view.destinationRule(service.host);
  return connectionPorts(service).flatMap((port) =>
    [undefined, ...(rule?.subsets ?? [])].map((subset) => ({
      port,
      subset,
      policy: withMeshDefaults(trafficPolicyOf(rule, port.port, subset), view.config),
      rule,
    })),
  );
}
