// Clusters for the ports and subsets of a service, as a sidecar sends to them.

import { isIP } from 'node:net';
import type { Subset, TrafficPolicy } from '../../discovery/model/policy.ts';
import { isHttp, type MeshService, type ServicePort } from '../../discovery/model/service.ts';
import { parseObjectKey, type ObjectKey } from '../../discovery/model/names.ts';
import {
  Cluster_DiscoveryType,
  Cluster_DnsLookupFamily,
  type Cluster,
} from '../../proto/generated/envoy.config.cluster.v3.ts';
import type { Metadata } from '../../proto/generated/envoy.config.core.v3.ts';
import type { OutboundView } from '../view/outbound-view.ts';
import { socketAddress } from './address.ts';
import { aggregated } from './config-source.ts';
import { circuitBreakers, upstreamConnections, upstreamHttp } from './connection-limits.ts';
import { lookedUpEndpoints } from './entry-cluster.ts';
import { loadBalancing } from './load-balancing.ts';
import { outboundClusterName, podClusterName } from './names.ts';
import { outlierDetection } from './outlier-detection.ts';
import { originalDestinationCluster } from './static-outbound.ts';
import { selectionOf } from './traffic-policy.ts';
import { upstreamSecurity } from './upstream-security.ts';
import { duration, struct } from './well-known-types.ts';

export interface ServiceClusterOptions {
  readonly view: OutboundView;
  readonly service: MeshService;
  readonly port: ServicePort;
  /** Undefined for the whole port. */
  readonly subset: Subset | undefined;
  readonly policy: TrafficPolicy;
  /** The DestinationRule that the policy is from. */
  readonly rule: ObjectKey | undefined;
}

/** How Envoy learns the addresses behind a service port. */
export type AddressDiscovery = 'endpoints' | 'original-destination' | 'dns' | 'looked-up';

/**
 * A headless service's plain connections go where the client looked up, one pod; its requests are routed by host, so
 * they are balanced over all pods and reach other networks. What a gateway is sent was going to the gateway: there is no destination
 * but the endpoints, as in Istio.
 */
export function addressDiscoveryOf(
  of: Pick<ServiceClusterOptions, 'view' | 'service' | 'port' | 'policy'>,
): AddressDiscovery {
  const { view, service, port, policy } = of;
  if (service.kind === 'external-name') return 'dns';
  if (service.entry?.resolution === 'dns' || service.entry?.resolution === 'dns-round-robin') return 'looked-up';
  if (view.scope.type === 'router') return 'endpoints';
  if (service.entry?.resolution === 'none') return 'original-destination';
  if (policy.loadBalancer?.algorithm === 'passthrough') return 'original-destination';
  return service.kind === 'headless' && !isHttp(port.protocol) ? 'original-destination' : 'endpoints';
}

export function serviceCluster(options: ServiceClusterOptions): Cluster {
  const { view, service, port, subset, policy } = options;
  const name = outboundClusterName({ host: service.host, port: port.port, subset: subset?.name ?? '' });
  const connectTimeoutMs = policy.connectionPool?.connectTimeoutMs ?? view.config.connectTimeoutMs;
  const discovery = addressDiscoveryOf(options);
  const shared = {
    circuitBreakers: circuitBreakers(policy),
    ...upstreamConnections(policy.connectionPool),
    ...ejections(options, discovery),
    ...upstreamSecurity(options, discovery),
    ...upstreamHttp(port, policy),
    metadata: clusterMetadata(options),
  };
  if (discovery === 'original-destination') {
    return { ...originalDestinationCluster(name, { ...view.config, connectTimeoutMs }), ...shared };
  }
  const balanced = {
    name,
    connectTimeout: duration(connectTimeoutMs),
    ...loadBalancing(policy, view.config),
    ...shared,
  };
  if (discovery === 'endpoints') {
    const edsClusterConfig = { edsConfig: aggregated, serviceName: name };
    return { ...balanced, type: Cluster_DiscoveryType.EDS, edsClusterConfig };
  }
  const { dnsRefreshMs } = view.config.traffic ?? {};
  const resolving = {
    dnsLookupFamily: dnsFamily(view),
    respectDnsTtl: true,
    ...(dnsRefreshMs === undefined ? {} : { dnsRefreshRate: duration(dnsRefreshMs) }),
  };
  if (discovery === 'looked-up' && service.entry !== undefined) {
    const selection = selectionOf(policy, subset, view.config);
    return { ...balanced, ...lookedUpEndpoints(service.entry, name, { view, service, port, selection }, resolving) };
  }
  const target = service.externalName ?? service.host;
  const endpoint = { address: socketAddress(target, port.port) };
  const loadAssignment = { clusterName: name, endpoints: [{ lbEndpoints: [{ endpoint }] }] };
  // An address of the family that is not looked up would never resolve.
  if (isIP(target) !== 0) return { ...balanced, type: Cluster_DiscoveryType.STATIC, loadAssignment };
  return {
    ...balanced,
    type: Cluster_DiscoveryType.STRICT_DNS,
    ...resolving,
    loadAssignment,
  };
}

/**
 * Requests to one pod of a headless service, by the pod's own name: to where the name led. Mesh mTLS when all pods speak it.
 */
export function podCluster(options: Omit<ServiceClusterOptions, 'subset'>): Cluster {
  const { view, service, port } = options;
  const ofAll = { ...options, subset: undefined };
  return {
    ...originalDestinationCluster(podClusterName(service.host, port.port), view.config),
    ...upstreamSecurity(ofAll, 'original-destination'),
    ...upstreamHttp(port, options.policy),
    metadata: clusterMetadata(ofAll),
  };
}

function ejections(
  { view, service, port, subset, policy }: ServiceClusterOptions,
  discovery: AddressDiscovery,
): Pick<Cluster, 'outlierDetection'> {
  const declared = policy.outlierDetection;
  if (declared === undefined) return {};
  if (discovery !== 'endpoints') return { outlierDetection: outlierDetection(declared, { onlyGateways: false }) };
  const { groups, dropped } = view.endpointsFor(service.host, port, selectionOf(policy, subset, view.config));
  // The same while a gateway comes and goes, so that the cluster is.
  const isFar = groups.length > 0 || dropped.some(({ reason }) => reason === 'no-gateway');
  const onlyGateways = isFar && groups.every(({ endpoints }) => endpoints.every(({ kind }) => kind === 'gateway'));
  return { outlierDetection: outlierDetection(declared, { onlyGateways }) };
}

function clusterMetadata({ service, subset, rule }: ServiceClusterOptions): Metadata {
  const { host, name, namespace } = service;
  const istio = {
    services: [{ host, name, namespace }],
    ...(subset === undefined ? {} : { subset: subset.name }),
    ...(rule === undefined ? {} : { config: destinationRulePath(rule) }),
  };
  return { filterMetadata: { istio: struct(istio) } };
}

function destinationRulePath(rule: ObjectKey): string {
  const { namespace, name } = parseObjectKey(rule);
  return `/apis/networking.istio.io/v1/namespaces/${namespace}/destination-rule/${name}`;
}

function dnsFamily({ scope }: OutboundView): Cluster_DnsLookupFamily {
  if (scope.families === 'dual') return Cluster_DnsLookupFamily.ALL;
  return scope.families === 'ipv6' ? Cluster_DnsLookupFamily.V6_ONLY : Cluster_DnsLookupFamily.V4_ONLY;
}
