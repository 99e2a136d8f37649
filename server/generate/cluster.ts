// Clusters for the ports and subsets of a service, as a sidecar sends to them.

import { isIP } from 'node:net';
import type { TrafficPolicy } from '../../discovery/model/policy.ts';
import { isHttp, type MeshService, type ServicePort } from '../../discovery/model/service.ts';
import { parseObjectKey, type ObjectKey } from '../../discovery/model/names.ts';
import {
  Cluster_DiscoveryType,
  Cluster_DnsLookupFamily,
  Cluster_LbPolicy,
  type Cluster,
  type Cluster_TransportSocketMatch,
} from '../../proto/generated/envoy.config.cluster.v3.ts';
import type { Metadata } from '../../proto/generated/envoy.config.core.v3.ts';
import { HttpProtocolOptions } from '../../proto/generated/envoy.extensions.upstreams.http.v3.ts';
import { packAny } from '../../proto/codec.ts';
import type { OutboundView } from '../view/outbound-view.ts';
import { socketAddress } from './address.ts';
import { aggregated } from './config-source.ts';
import { outboundClusterName, podClusterName, sniName } from './names.ts';
import { originalDestinationCluster, unlimited } from './static-outbound.ts';
import { plainText, upstreamMtls, upstreamTls } from './transport-socket.ts';
import { duration, struct } from './well-known-types.ts';

export interface ServiceClusterOptions {
  readonly view: OutboundView;
  readonly service: MeshService;
  readonly port: ServicePort;
  /** Empty for the whole port. */
  readonly subset: string;
  readonly policy: TrafficPolicy;
  /** The DestinationRule that the policy is from. */
  readonly rule: ObjectKey | undefined;
}

/** How Envoy learns the addresses behind a service port. */
export type AddressDiscovery = 'endpoints' | 'original-destination' | 'dns';

/**
 * A headless service's plain connections go where the client looked up, one pod; its requests are routed by host, so
 * they are balanced over all pods and reach other networks.
 */
export function addressDiscoveryOf(service: MeshService, port: ServicePort, policy: TrafficPolicy): AddressDiscovery {
  if (service.kind === 'external-name') return 'dns';
  if (policy.loadBalancer === 'passthrough') return 'original-destination';
  return service.kind === 'headless' && !isHttp(port.protocol) ? 'original-destination' : 'endpoints';
}

export function serviceCluster(options: ServiceClusterOptions): Cluster {
  const { view, service, port, subset, policy } = options;
  const name = outboundClusterName({ host: service.host, port: port.port, subset });
  const config = { ...view.config, connectTimeoutMs: policy.connectTimeoutMs ?? view.config.connectTimeoutMs };
  const discovery = addressDiscoveryOf(service, port, policy);
  const shared = {
    ...transportSocket(options, discovery),
    ...upstreamHttp(port),
    metadata: clusterMetadata(options),
  };
  if (discovery === 'original-destination') return { ...originalDestinationCluster(name, config), ...shared };
  const balanced = {
    name,
    connectTimeout: duration(config.connectTimeoutMs),
    circuitBreakers: unlimited(),
    ...loadBalancing(policy),
    ...shared,
  };
  if (discovery === 'endpoints') {
    const edsClusterConfig = { edsConfig: aggregated, serviceName: name };
    return { ...balanced, type: Cluster_DiscoveryType.EDS, edsClusterConfig };
  }
  const target = service.externalName ?? service.host;
  const endpoint = { address: socketAddress(target, port.port) };
  const loadAssignment = { clusterName: name, endpoints: [{ lbEndpoints: [{ endpoint }] }] };
  // An address of the family that is not looked up would never resolve.
  if (isIP(target) !== 0) return { ...balanced, type: Cluster_DiscoveryType.STATIC, loadAssignment };
  return {
    ...balanced,
    type: Cluster_DiscoveryType.STRICT_DNS,
    dnsLookupFamily: dnsFamily(view),
    respectDnsTtl: true,
    loadAssignment,
  };
}

/**
 * Requests to one pod of a headless service, by the pod's own name: to where the name led. Mesh mTLS when all pods speak it.
 */
export function podCluster(options: Omit<ServiceClusterOptions, 'subset'>): Cluster {
  const { view, service, port } = options;
  const ofAll = { ...options, subset: '' };
  return {
    ...originalDestinationCluster(podClusterName(service.host, port.port), view.config),
    ...transportSocket(ofAll, 'original-destination'),
    ...upstreamHttp(port),
    metadata: clusterMetadata(ofAll),
  };
}

// RANDOM ignores the weights of endpoints, and a gateway stands for many: there the localities carry the weight. Without
// panic: endpoints that are not ready get nothing even when most are not.
function loadBalancing({ loadBalancer }: TrafficPolicy): Pick<Cluster, 'lbPolicy' | 'commonLbConfig'> {
  const healthyPanicThreshold = {};
  if (loadBalancer === 'random') {
    return {
      lbPolicy: Cluster_LbPolicy.RANDOM,
      commonLbConfig: { healthyPanicThreshold, localityWeightedLbConfig: {} },
    };
  }
  const roundRobin = loadBalancer === 'round-robin';
  return {
    lbPolicy: roundRobin ? Cluster_LbPolicy.ROUND_ROBIN : Cluster_LbPolicy.LEAST_REQUEST,
    commonLbConfig: { healthyPanicThreshold },
  };
}

function transportSocket(
  options: ServiceClusterOptions,
  discovery: AddressDiscovery,
): Pick<Cluster, 'transportSocket' | 'transportSocketMatches'> {
  const { view, service, port, subset, policy } = options;
  const http2 = speaksHttp2(port);
  const mtls = () =>
    upstreamMtls({
      sni: policy.sni ?? sniName({ host: service.host, port: port.port, subset }),
      identities: view.identities(service.host),
      http2,
    });
  switch (policy.tlsMode) {
    case 'disable':
      return {};
    case 'simple':
    case 'mutual':
      return { transportSocket: upstreamTls({ sni: policy.sni ?? service.externalName, http2 }) };
    case 'istio-mutual':
      return { transportSocket: mtls() };
    case undefined:
      break;
  }
  if (!view.config.enableAutoMtls || discovery === 'dns') return {};
  if (discovery === 'endpoints') return { transportSocketMatches: automaticMtls(mtls()) };
  // Without an assignment no endpoint says what it speaks: mTLS when all of them do.
  return view.everyEndpointSpeaksMtls(service.host, port) ? { transportSocket: mtls() } : {};
}

/** Each endpoint gets what it announces: mesh mTLS or plain text. */
function automaticMtls(
  transportSocket: NonNullable<Cluster['transportSocket']>,
): readonly Cluster_TransportSocketMatch[] {
  return [
    { name: 'tlsMode-istio', match: struct({ tlsMode: 'istio' }), transportSocket },
    { name: 'tlsMode-disabled', match: {}, transportSocket: plainText() },
  ];
}

function upstreamHttp(port: ServicePort): Pick<Cluster, 'typedExtensionProtocolOptions'> {
  return speaksHttp2(port) ? { typedExtensionProtocolOptions: http2Upstream() } : {};
}

/** HTTP/2 towards the cluster, without asking first. */
export function http2Upstream(): NonNullable<Cluster['typedExtensionProtocolOptions']> {
  return {
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': packAny(HttpProtocolOptions, {
      explicitHttpConfig: { http2ProtocolOptions: {} },
    }),
  };
}

function clusterMetadata({ service, subset, rule }: ServiceClusterOptions): Metadata {
  const { host, name, namespace } = service;
  const istio = {
    services: [{ host, name, namespace }],
    ...(subset === '' ? {} : { subset }),
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

function speaksHttp2({ protocol }: ServicePort): boolean {
  return protocol === 'http2' || protocol === 'grpc';
}
