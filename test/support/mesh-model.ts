// Small meshes for tests of what is generated: every part has a plain default, a test says what differs.

import { unknownLocality, parseLocality } from '../../discovery/model/locality.ts';
import { AllocatedAddresses } from '../../discovery/mesh/allocated-addresses.ts';
import { defaultMeshConfig, type MeshConfig } from '../../discovery/model/mesh-config.ts';
import type { MeshSnapshot } from '../../discovery/model/mesh-snapshot.ts';
import {
  clusterId,
  hostname,
  networkId,
  objectKey,
  serviceHostname,
  type Hostname,
} from '../../discovery/model/names.ts';
import type { Endpoint } from '../../discovery/model/endpoint.ts';
import type { NetworkGateway } from '../../discovery/model/network-gateway.ts';
import { compareGateways } from '../../discovery/model/network-gateway.ts';
import { PersistentMap } from '../../discovery/model/persistent-map.ts';
import { noDelegation, resolveDelegation } from '../../discovery/mesh/delegation.ts';
import type {
  ClientTls,
  DestinationRulePolicy,
  GatewayPolicy,
  HttpMatch,
  HttpRoute,
  PeerAuthenticationPolicy,
  Policy,
  VirtualServicePolicy,
} from '../../discovery/model/policy.ts';
import type { MeshService, ServicePort } from '../../discovery/model/service.ts';
import type { Proxy } from '../../server/proxy/proxy.ts';

/** `NAMESPACE/NAME` (namespace `default` when left out) with its ports as `NAME:PORT`, protocol by name as Kubernetes has it. */
export function service(
  fullName: string,
  ports: readonly (string | ServicePort)[],
  changes: Partial<Omit<MeshService, 'addresses'>> & {
    readonly addresses?: Readonly<Record<string, readonly string[]>>;
  } = {},
): MeshService {
  const [name = '', namespace = 'default'] = fullName.split('/').toReversed();
  const { addresses = {}, ...rest } = changes;
  return {
    host: serviceHostname(name, namespace, 'cluster.local'),
    name,
    namespace,
    kind: 'cluster-ip',
    ports: ports.map((port) => (typeof port === 'string' ? parsePort(port) : port)),
    addresses: new Map(Object.entries(addresses).map(([cluster, list]) => [clusterId(cluster), list])),
    allocatedAddresses: [],
    clusters: Object.keys(addresses).map((cluster) => clusterId(cluster)),
    labels: {},
    exportTo: [],
    clusterLocal: false,
    conflicts: [],
    createdAtMs: 1,
    ...rest,
  };
}

function parsePort(text: string): ServicePort {
  const [name = '', port = ''] = text.split(':');
  const prefix = name.split('-')[0] ?? '';
  const known = (['http', 'http2', 'grpc', 'https', 'tls', 'tcp'] as const).find((protocol) => protocol === prefix);
  return { name, port: Number(port), protocol: known ?? 'tcp' };
}

/** An mTLS pod; `where` is `CLUSTER/NETWORK[@REGION/ZONE]`. */
export function endpoint(
  where: string,
  address: string,
  ports: Readonly<Record<string, number>>,
  changes: Partial<Endpoint> = {},
): Endpoint {
  const [place = '', locality = ''] = where.split('@');
  const [cluster = '', network = ''] = place.split('/');
  return {
    address,
    ports,
    health: 'healthy',
    clusterId: clusterId(cluster),
    network: networkId(network),
    locality: locality === '' ? unknownLocality : parseLocality(locality),
    labels: {},
    workload: {
      name: `pod-${address.replaceAll(/[.:]/g, '-')}`,
      namespace: 'default',
      serviceAccount: 'default',
      canonicalName: 'app',
      canonicalRevision: 'latest',
    },
    tlsMode: 'istio',
    weight: 1,
    ...changes,
  };
}

export function gateway(network: string, cluster: string, address: string, port = 15_443): NetworkGateway {
  return { network: networkId(network), clusterId: clusterId(cluster), address, port };
}

export interface MeshParts {
  readonly services?: readonly MeshService[];
  readonly endpoints?: Readonly<Record<string, readonly Endpoint[]>>;
  readonly gateways?: readonly NetworkGateway[];
  readonly deadGateways?: readonly NetworkGateway[];
  readonly degradedClusters?: readonly string[];
  readonly droppedClusters?: readonly string[];
  readonly policies?: readonly Policy[];
  readonly config?: Partial<MeshConfig>;
  readonly primary?: string;
}

/** A mesh whose primary is `cluster-1` unless said otherwise. Endpoints are given by host. */
export function mesh(parts: MeshParts): MeshSnapshot {
  const policies = parts.policies ?? [];
  const of = <K extends Policy['kind']>(kind: K) =>
    policies.filter((policy): policy is Extract<Policy, { kind: K }> => policy.kind === kind);
  const edits = of('VirtualService').map((after) => ({ key: after.source, before: undefined, after }));
  const { delegation, edits: resolved } = resolveDelegation(noDelegation, edits);
  const virtualServices = resolved.flatMap(({ after }) => after ?? []);
  const destinationRules = of('DestinationRule');
  return {
    primary: clusterId(parts.primary ?? 'cluster-1'),
    config: { ...defaultMeshConfig, ...parts.config },
    services: PersistentMap.from(withAllocatedAddresses(parts.services ?? [])),
    endpoints: PersistentMap.from(
      Object.entries(parts.endpoints ?? {}).map(([host, list]) => [hostname(host), list] as const),
    ),
    gateways: groupBy((parts.gateways ?? []).toSorted(compareGateways), ({ network }) => network),
    deadGateways: groupBy((parts.deadGateways ?? []).toSorted(compareGateways), ({ network }) => network),
    degradedClusters: new Set((parts.degradedClusters ?? []).map((name) => clusterId(name))),
    droppedClusters: new Set((parts.droppedClusters ?? []).map((name) => clusterId(name))),
    workloads: PersistentMap.empty(),
    tokenKeys: new Map(),
    policies: {
      virtualServices: byHost(virtualServices, ({ hosts }) => hosts),
      wildcardVirtualServices: virtualServices.filter(({ hosts }) => hosts.some((host) => host.startsWith('*'))),
      delegation,
      destinationRules: byHost(destinationRules, ({ host }) => [host]),
      wildcardDestinationRules: destinationRules.filter(({ host }) => host.startsWith('*')),
      peerAuthentications: of('PeerAuthentication'),
      authorizationPolicies: of('AuthorizationPolicy'),
      telemetries: of('Telemetry'),
      proxyConfigs: of('ProxyConfig'),
      requestAuthentications: of('RequestAuthentication'),
      gateways: of('Gateway'),
      sidecars: of('Sidecar'),
      envoyFilters: of('EnvoyFilter'),
    },
  };
}

function withAllocatedAddresses(services: readonly MeshService[]): readonly (readonly [Hostname, MeshService])[] {
  const allocated = new AllocatedAddresses();
  const isWanted = ({ kind, clusterLocal, entry, host }: MeshService): boolean =>
    kind !== 'external-name' &&
    !clusterLocal &&
    (entry === undefined || (entry.resolution !== 'none' && entry.ranges.length === 0 && !host.startsWith('*')));
  allocated.update(services.filter(isWanted).map(({ host }) => [host, true]));
  return services.map((one) => [one.host, { ...one, allocatedAddresses: allocated.of(one.host) }]);
}

function byHost<P>(policies: readonly P[], hostsOf: (policy: P) => readonly Hostname[]) {
  const lists = new Map<Hostname, P[]>();
  for (const policy of policies) {
    for (const host of hostsOf(policy))
      if (!host.startsWith('*')) lists.set(host, [...(lists.get(host) ?? []), policy]);
  }
  return PersistentMap.from<Hostname, readonly P[]>(lists);
}

function groupBy<K, V>(values: readonly V[], keyOf: (value: V) => K): ReadonlyMap<K, readonly V[]> {
  const groups = new Map<K, V[]>();
  for (const value of values) groups.set(keyOf(value), [...(groups.get(keyOf(value)) ?? []), value]);
  return groups;
}

function base(kind: Policy['kind'], fullName: string) {
  const [name = '', namespace = 'default'] = fullName.split('/').toReversed();
  return { source: objectKey(kind, namespace, name), name, namespace, createdAtMs: 1, exportTo: [] };
}

export function httpMatch(changes: Partial<HttpMatch> = {}): HttpMatch {
  return {
    name: '',
    ignoreUriCase: false,
    headers: [],
    withoutHeaders: [],
    queryParams: [],
    sourceLabels: {},
    gateways: [],
    ...changes,
  };
}

/** To destinations given as `HOST[:PORT][/SUBSET]=WEIGHT`. */
export function httpRoute(destinations: readonly string[], changes: Partial<HttpRoute> = {}): HttpRoute {
  return {
    name: '',
    matches: [],
    destinations: destinations.map((text) => {
      const [, host = '', port, subset, weight] = /^([^:/=]+)(?::(\d+))?(?:\/([^=]+))?(?:=(\d+))?$/.exec(text) ?? [];
      return {
        destination: {
          host: hostname(host),
          ...(subset === undefined ? {} : { subset }),
          ...(port === undefined ? {} : { port: Number(port) }),
        },
        weight: Number(weight ?? 100),
      };
    }),
    ...changes,
  };
}

export function virtualService(
  fullName: string,
  hosts: readonly string[],
  http: readonly HttpRoute[],
  changes: Partial<VirtualServicePolicy> = {},
): VirtualServicePolicy {
  return {
    kind: 'VirtualService',
    ...base('VirtualService', fullName),
    hosts: hosts.map((host) => hostname(host)),
    gateways: ['mesh'],
    http,
    tcp: [],
    tls: [],
    ...changes,
  };
}

export function clientTls(mode: ClientTls['mode'], changes: Partial<ClientTls> = {}): ClientTls {
  return { mode, subjectAltNames: [], insecureSkipVerify: false, ...changes };
}

export function destinationRule(
  fullName: string,
  host: string,
  changes: Partial<DestinationRulePolicy> = {},
): DestinationRulePolicy {
  return {
    kind: 'DestinationRule',
    ...base('DestinationRule', fullName),
    host: hostname(host),
    trafficPolicy: {},
    portPolicies: new Map(),
    subsets: [],
    ...changes,
  };
}

export function peerAuthentication(
  fullName: string,
  changes: Partial<PeerAuthenticationPolicy> = {},
): PeerAuthenticationPolicy {
  return {
    kind: 'PeerAuthentication',
    ...base('PeerAuthentication', fullName),
    selector: {},
    portModes: new Map(),
    ...changes,
  };
}

/** The Gateway of an east-west gateway: port 15443, `AUTO_PASSTHROUGH`. */
export function eastWestGateway(hosts: readonly string[] = ['*.local']): GatewayPolicy {
  return {
    kind: 'Gateway',
    ...base('Gateway', 'istio-system/cross-network-gateway'),
    selector: { istio: 'eastwestgateway' },
    servers: [{ port: 15_443, name: 'tls', protocol: 'tls', hosts, tlsMode: 'auto-passthrough' }],
  };
}

export function sidecar(changes: Partial<Proxy> = {}): Proxy {
  return {
    nodeId: 'sidecar~10.1.0.9~sleep.default~default.svc.cluster.local',
    type: 'sidecar',
    addresses: ['10.1.0.9'],
    name: 'sleep',
    namespace: 'default',
    dnsDomain: 'default.svc.cluster.local',
    clusterId: clusterId('cluster-1'),
    network: networkId('network1'),
    locality: unknownLocality,
    labels: { app: 'sleep' },
    serviceAccount: 'sleep',
    requestedNetworks: [],
    capabilities: { istioFilters: false, virtualHostDiscovery: true },
    istioVersion: '',
    ...changes,
  };
}

export function router(changes: Partial<Proxy> = {}): Proxy {
  return sidecar({
    nodeId: 'router~10.1.0.2~gw.istio-system~istio-system.svc.cluster.local',
    type: 'router',
    addresses: ['10.1.0.2'],
    name: 'gw',
    namespace: 'istio-system',
    labels: { istio: 'eastwestgateway' },
    requestedNetworks: [networkId('network1')],
    ...changes,
  });
}
