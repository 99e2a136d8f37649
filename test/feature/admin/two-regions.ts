// A mesh of two clusters on two networks, made of real model values, and a reader of an instance that has it: what the
// tests of the administrative side start from. Each test overrides what it is about.

import type { ClusterStatus } from '../../../discovery/model/cluster-snapshot.ts';
import type { Endpoint } from '../../../discovery/model/endpoint.ts';
import { parseLocality } from '../../../discovery/model/locality.ts';
import { defaultMeshConfig } from '../../../discovery/model/mesh-config.ts';
import type { MeshSnapshot } from '../../../discovery/model/mesh-snapshot.ts';
import { clusterId, hostname, networkId, objectKey, serviceHostname } from '../../../discovery/model/names.ts';
import type { ClusterId, Hostname, NetworkId } from '../../../discovery/model/names.ts';
import type { NetworkGateway } from '../../../discovery/model/network-gateway.ts';
import { PersistentMap } from '../../../discovery/model/persistent-map.ts';
import type {
  DestinationRulePolicy,
  HttpMatch,
  HttpRoute,
  VirtualServicePolicy,
} from '../../../discovery/model/policy.ts';
import type { MeshService } from '../../../discovery/model/service.ts';
import type { Workload } from '../../../discovery/model/workload.ts';
import { noDelegation } from '../../../discovery/mesh/delegation.ts';
import type { InstanceReader } from '../../../server/admin/instance-reader.ts';
import type { ProxyStatus, ProxyTypeStatus } from '../../../server/admin/proxy-status.ts';
import type { Proxy } from '../../../server/proxy/proxy.ts';

export const cluster1 = clusterId('cluster-1');
export const cluster2 = clusterId('cluster-2');
export const network1 = networkId('network1');
export const network2 = networkId('network2');
export const helloworld = serviceHostname('helloworld', 'default', 'cluster.local');
export const gateway1: NetworkGateway = { network: network1, clusterId: cluster1, address: '192.0.2.1', port: 15443 };
export const gateway2: NetworkGateway = { network: network2, clusterId: cluster2, address: '192.0.2.2', port: 15443 };

export function aService(name: string, overrides: Partial<MeshService> = {}): MeshService {
  return {
    host: serviceHostname(name, 'default', 'cluster.local'),
    name,
    namespace: 'default',
    kind: 'cluster-ip',
    ports: [{ name: 'http', port: 5000, protocol: 'http' }],
    addresses: new Map([[cluster1, ['10.96.0.10']]]),
    allocatedAddresses: ['240.240.1.2', '2001:2::1'],
    clusters: [cluster1, cluster2],
    labels: {},
    exportTo: [],
    clusterLocal: false,
    conflicts: [],
    createdAtMs: 0,
    ...overrides,
  };
}

export function anEndpoint(address: string, where: ClusterId, overrides: Partial<Endpoint> = {}): Endpoint {
  return {
    address,
    ports: { http: 5000 },
    health: 'healthy',
    clusterId: where,
    network: where === cluster1 ? network1 : network2,
    locality: parseLocality(where === cluster1 ? 'region1/zone1' : 'region2/zone1'),
    labels: { app: 'helloworld', version: where === cluster1 ? 'v1' : 'v2' },
    workload: {
      name: `helloworld-${address}`,
      namespace: 'default',
      serviceAccount: 'helloworld',
      canonicalName: 'helloworld',
      canonicalRevision: 'latest',
    },
    tlsMode: 'istio',
    weight: 1,
    ...overrides,
  };
}

export interface MeshParts {
  readonly services?: readonly MeshService[];
  readonly endpoints?: Iterable<readonly [Hostname, readonly Endpoint[]]>;
  readonly gateways?: ReadonlyMap<NetworkId, readonly NetworkGateway[]>;
  readonly virtualServices?: readonly VirtualServicePolicy[];
  readonly destinationRules?: readonly DestinationRulePolicy[];
  readonly workloads?: readonly Workload[];
}

export function aMesh(parts: MeshParts = {}): MeshSnapshot {
  const services = parts.services ?? [aService('helloworld'), aService('sleep')];
  const endpoints = parts.endpoints ?? [
    [helloworld, [anEndpoint('10.10.0.2', cluster1), anEndpoint('10.20.0.2', cluster2)]],
  ];
  return {
    primary: cluster1,
    config: defaultMeshConfig,
    services: PersistentMap.from(services.map((service) => [service.host, service])),
    endpoints: PersistentMap.from(endpoints),
    gateways:
      parts.gateways ??
      new Map([
        [network1, [gateway1]],
        [network2, [gateway2]],
      ]),
    deadGateways: new Map(),
    degradedClusters: new Set(),
    droppedClusters: new Set(),
    workloads: PersistentMap.from(
      (parts.workloads ?? []).flatMap((workload) => workload.addresses.map((address) => [address, workload] as const)),
    ),
    tokenKeys: new Map(),
    policies: {
      virtualServices: PersistentMap.from(
        (parts.virtualServices ?? []).flatMap((policy) => policy.hosts.map((host) => [host, [policy]] as const)),
      ),
      wildcardVirtualServices: [],
      delegation: noDelegation,
      destinationRules: PersistentMap.from((parts.destinationRules ?? []).map((rule) => [rule.host, [rule]] as const)),
      wildcardDestinationRules: [],
      authorizationPolicies: [],
      telemetries: [],
      proxyConfigs: [],
      requestAuthentications: [],
      peerAuthentications: [],
      gateways: [],
      sidecars: [],
      envoyFilters: [],
    },
  };
}

export function aProxy(overrides: Partial<Proxy> = {}): Proxy {
  return {
    nodeId: 'sidecar~10.10.0.3~sleep-1.default~default.svc.cluster.local',
    type: 'sidecar',
    addresses: ['10.10.0.3'],
    name: 'sleep-1',
    namespace: 'default',
    dnsDomain: 'default.svc.cluster.local',
    clusterId: cluster1,
    network: network1,
    locality: parseLocality('region1/zone1'),
    labels: { app: 'sleep' },
    serviceAccount: 'sleep',
    requestedNetworks: [],
    capabilities: { istioFilters: false, virtualHostDiscovery: true },
    istioVersion: '1.31.0',
    ...overrides,
  };
}

export function aTypeStatus(name: string, overrides: Partial<ProxyTypeStatus> = {}): ProxyTypeStatus {
  const urls: Record<string, string> = {
    cds: 'type.googleapis.com/envoy.config.cluster.v3.Cluster',
    lds: 'type.googleapis.com/envoy.config.listener.v3.Listener',
    eds: 'type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment',
    rds: 'type.googleapis.com/envoy.config.route.v3.RouteConfiguration',
  };
  return {
    name,
    typeUrl: urls[name] ?? name,
    sent: `${name}-1`,
    version: 'f00d',
    acked: `${name}-1`,
    status: 'SYNCED',
    resources: 3,
    pushes: 1,
    rejected: 0,
    ...overrides,
  };
}

export function aProxyStatus(overrides: Partial<ProxyStatus> = {}): ProxyStatus {
  return {
    nodeId: 'sidecar~10.10.0.3~sleep-1.default~default.svc.cluster.local',
    proxy: 'sleep-1.default',
    namespace: 'default',
    type: 'sidecar',
    clusterId: cluster1,
    network: network1,
    locality: 'region1/zone1',
    istioVersion: '1.31.0',
    identity: 'spiffe://cluster.local/ns/default/sa/sleep',
    peerAddress: '10.10.0.3:40000',
    connectedAt: '2026-01-02T03:04:05.000Z',
    variant: 'delta',
    types: [aTypeStatus('cds'), aTypeStatus('lds'), aTypeStatus('eds'), aTypeStatus('rds')],
    ...overrides,
  };
}

export function aClusterStatus(id: ClusterId, overrides: Partial<ClusterStatus> = {}): ClusterStatus {
  return {
    clusterId: id,
    network: id === cluster1 ? network1 : network2,
    mode: id === cluster1 ? 'primary' : 'discovery-only',
    phase: 'running',
    lastEventAt: '2026-01-02T03:04:05.000Z',
    services: 2,
    endpoints: 1,
    problems: [],
    conditions: [],
    ...overrides,
  };
}

export function aReader(overrides: Partial<InstanceReader> = {}): InstanceReader {
  const reader: InstanceReader = {
    version: '0.1.0-abcdef0-Clean',
    ready: () => ({ ready: true, waitingFor: [] }),
    clusters: () => [aClusterStatus(cluster1), aClusterStatus(cluster2)],
    mesh: () => aMesh(),
    proxies: () => [aProxyStatus()],
    proxyCounts: () => {
      const proxies = reader.proxies();
      const versions = Map.groupBy(proxies, ({ istioVersion }) => istioVersion);
      const failed = proxies.flatMap(({ types }) => types.filter(({ status }) => status === 'ERROR'));
      const counts = <Key>(groups: Map<Key, readonly unknown[]>) =>
        new Map([...groups].map(([key, { length }]) => [key, length]));
      return { versions: counts(versions), rejecting: counts(Map.groupBy(failed, ({ name }) => name)) };
    },
    proxy: (name) => (name === 'sleep-1.default' ? aProxy() : undefined),
    configDump: () => undefined,
    nameTable: () => undefined,
    gatewayProbe: () => undefined,
    roots: () => [{ subject: 'O=mesh', sha256: 'ab'.repeat(32), notAfter: '2036-01-01T00:00:00.000Z' }],
    ...overrides,
  };
  return reader;
}

export function anHttpRoute(overrides: Partial<HttpRoute> = {}): HttpRoute {
  return { name: 'canary', matches: [], destinations: [], ...overrides };
}

export function anHttpMatch(overrides: Partial<HttpMatch> = {}): HttpMatch {
  return {
    name: '',
    ignoreUriCase: false,
    headers: [],
    withoutHeaders: [],
    queryParams: [],
    sourceLabels: {},
    gateways: [],
    ...overrides,
  };
}

export function aVirtualService(http: readonly HttpRoute[]): VirtualServicePolicy {
  return {
    kind: 'VirtualService',
    source: objectKey('VirtualService', 'default', 'canary'),
    name: 'canary',
    namespace: 'default',
    createdAtMs: 0,
    exportTo: [],
    hosts: [helloworld],
    gateways: ['mesh'],
    http,
    tcp: [],
    tls: [],
  };
}

/** Subsets v1 and v2 by the label `version`. */
export function aDestinationRule(overrides: Partial<DestinationRulePolicy> = {}): DestinationRulePolicy {
  return {
    kind: 'DestinationRule',
    source: objectKey('DestinationRule', 'default', 'versions'),
    name: 'versions',
    namespace: 'default',
    createdAtMs: 0,
    exportTo: [],
    host: hostname(helloworld),
    trafficPolicy: {},
    portPolicies: new Map(),
    subsets: ['v1', 'v2'].map((version) => ({ name: version, labels: { version }, trafficPolicy: {} })),
    ...overrides,
  };
}
