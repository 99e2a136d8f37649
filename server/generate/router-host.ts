// What one host contributes to a router. To an east-west gateway: for each exported port and subset with endpoints on the
// gateway's own network a cluster and a server name; the gateway never looks into the connection and never sends it to another
// gateway. To one that serves HTTP: virtual hosts, and clusters as a sidecar has them.

import { objectKey, type Hostname } from '../../discovery/model/names.ts';
import type { MeshService, ServicePort } from '../../discovery/model/service.ts';
import { Cluster, Cluster_DiscoveryType, Cluster_LbPolicy } from '../../proto/generated/envoy.config.cluster.v3.ts';
import { ClusterLoadAssignment } from '../../proto/generated/envoy.config.endpoint.v3.ts';
import type { NetworkView } from '../view/network-view.ts';
import type { OutboundView } from '../view/outbound-view.ts';
import { serverCovers } from '../view/server-hosts.ts';
import { aggregated } from './config-source.ts';
import type { HostRoutes } from './host-resources.ts';
import { gatewayServers, sendsToServices } from './gateway-servers.ts';
import { generateIngressHost } from './ingress-host.ts';
import type { ListenerContribution } from './listener-contribution.ts';
import { loadAssignment } from './load-assignment.ts';
import { sniName } from './names.ts';
import type { Resource } from './resource.ts';
import { serviceAssignments, serviceClusters, serviceKey } from './service-clusters.ts';
import { unlimited } from './static-outbound.ts';
import { trafficPolicyOf } from './traffic-policy.ts';
import { duration, struct } from './well-known-types.ts';

/** Of a service that some `AUTO_PASSTHROUGH` server exports; for a router that sends anywhere by itself those of a sidecar, too. */
export function generateRouterClusters(view: OutboundView, service: MeshService): readonly Resource<Cluster>[] {
  return [
    ...exportsOf(view, service).map((one) => passthroughClusterOf(view, service, one)),
    ...(sendsToServices(view) ? serviceClusters(view, service) : []),
  ];
}

/**
 * The server names that some `AUTO_PASSTHROUGH` server exports, and the routes of VirtualServices. `service` is absent for a
 * host that only a VirtualService has.
 */
export function generateRouterRoutes(view: OutboundView, host: Hostname, service: MeshService | undefined): HostRoutes {
  const ingress = generateIngressHost(view, host);
  if (service === undefined) return ingress;
  const source = serviceKey(service);
  const exported = exportsOf(view, service);
  const serverNames = exportingPorts(view, service).flatMap((port) =>
    exported.map(({ name }): ListenerContribution => ({ kind: 'sni', port, sni: name, source })),
  );
  return { ...ingress, listeners: [...serverNames, ...ingress.listeners] };
}

export function generateRouterAssignments(
  view: OutboundView,
  service: MeshService,
): readonly Resource<ClusterLoadAssignment>[] {
  return [
    ...exportsOf(view, service).map((one) => assignmentOf(service, one)),
    ...(sendsToServices(view) ? serviceAssignments(view, service) : []),
  ];
}

interface Export {
  readonly name: string;
  readonly port: ServicePort;
  readonly loadBalancer: Cluster_LbPolicy;
  readonly endpoints: NetworkView;
}

function exportsOf(view: OutboundView, service: MeshService): readonly Export[] {
  if (service.kind === 'external-name' || service.clusterLocal || service.entry?.isExternal === true) return [];
  if (exportingPorts(view, service).length === 0) return [];
  const rule = view.destinationRule(service.host);
  return service.ports
    .filter(({ protocol }) => protocol !== 'udp')
    .flatMap((port) =>
      [undefined, ...(rule?.subsets ?? [])].flatMap((subset) => {
        const endpoints = view.endpointsFor(service.host, port, { labels: subset?.labels ?? {}, reach: 'direct-mtls' });
        if (endpoints.groups.length === 0) return [];
        const policy = trafficPolicyOf(rule, port.port, subset);
        const loadBalancer =
          policy.loadBalancer?.algorithm === 'round-robin'
            ? Cluster_LbPolicy.ROUND_ROBIN
            : Cluster_LbPolicy.LEAST_REQUEST;
        const name = sniName({ host: service.host, port: port.port, subset: subset?.name ?? '' });
        return [{ name, port, loadBalancer, endpoints }];
      }),
    );
}

/** Ports of the gateway's `AUTO_PASSTHROUGH` servers whose hosts cover the service, ascending. */
function exportingPorts(view: OutboundView, service: MeshService): readonly number[] {
  const ports = new Set<number>();
  for (const one of gatewayServers(view).accepted) {
    const { server } = one;
    if (server.tlsMode === 'auto-passthrough' && serverCovers(one, service, service.host)) ports.add(server.port);
  }
  return [...ports].toSorted((a, b) => a - b);
}

function passthroughClusterOf(view: OutboundView, service: MeshService, one: Export): Resource<Cluster> {
  const { host, name, namespace } = service;
  const message: Cluster = {
    name: one.name,
    type: Cluster_DiscoveryType.EDS,
    edsClusterConfig: { edsConfig: aggregated, serviceName: one.name },
    connectTimeout: duration(view.config.connectTimeoutMs),
    lbPolicy: one.loadBalancer,
    commonLbConfig: { healthyPanicThreshold: {} },
    circuitBreakers: unlimited(),
    metadata: { filterMetadata: { istio: struct({ services: [{ host, name, namespace }] }) } },
  };
  return { type: Cluster, name: one.name, message, sources: [objectKey('Service', namespace, name)] };
}

function assignmentOf(service: MeshService, one: Export): Resource<ClusterLoadAssignment> {
  return {
    type: ClusterLoadAssignment,
    name: one.name,
    message: loadAssignment(one.name, one.endpoints),
    sources: [objectKey('Service', service.namespace, service.name)],
  };
}
