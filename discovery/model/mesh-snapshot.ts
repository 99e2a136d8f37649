// The mesh as one instance sees it: all clusters merged, policies of the primary. Immutable.

import type { ClusterStatus } from './cluster-snapshot.ts';
import type { Endpoint } from './endpoint.ts';
import type { MeshConfig } from './mesh-config.ts';
import type { ClusterId, Hostname, NetworkId, ObjectKey } from './names.ts';
import type { NetworkGateway } from './network-gateway.ts';
import type { PersistentMap } from './persistent-map.ts';
import type {
  AuthorizationPolicy,
  DestinationRulePolicy,
  EnvoyFilterPolicy,
  GatewayPolicy,
  PeerAuthenticationPolicy,
  ProxyConfigPolicy,
  RequestAuthenticationPolicy,
  SidecarPolicy,
  TelemetryPolicy,
  VirtualServicePolicy,
} from './policy.ts';
import type { Problem } from './problem.ts';
import type { MeshService } from './service.ts';
import type { Workload } from './workload.ts';

export interface MeshSnapshot {
  readonly primary: ClusterId;
  readonly config: MeshConfig;
  readonly services: PersistentMap<Hostname, MeshService>;
  /** Endpoints of all clusters, sorted by cluster, address and ports. Hosts that are cluster-local keep them all: the view filters. */
  readonly endpoints: PersistentMap<Hostname, readonly Endpoint[]>;
  /** Gateways that may be used, by network, each list sorted (`compareGateways`). */
  readonly gateways: ReadonlyMap<NetworkId, readonly NetworkGateway[]>;
  /** Gateways that answered and don't any more, likewise. Nothing is sent to them. */
  readonly deadGateways: ReadonlyMap<NetworkId, readonly NetworkGateway[]>;
  /** Remotes that were not heard for so long that their endpoints are used only when no others are left. */
  readonly degradedClusters: ReadonlySet<ClusterId>;
  /** Remotes that were not heard for so long that their endpoints are not in `endpoints`. Their services and gateways stay. */
  readonly droppedClusters: ReadonlySet<ClusterId>;
  readonly workloads: PersistentMap<string, Workload>;
  readonly policies: PolicyIndex;
  /** Key sets that were fetched for RequestAuthentications, by `keyLocationId`. */
  readonly tokenKeys: ReadonlyMap<string, string>;
}

/** Policies by what they are looked up by. Lists are sorted by precedence: oldest first, then namespace and name. */
export interface PolicyIndex {
  readonly virtualServices: PersistentMap<Hostname, readonly VirtualServicePolicy[]>;
  /** VirtualServices with a wildcard host (`*.example.com`), which no exact lookup finds. */
  readonly wildcardVirtualServices: readonly VirtualServicePolicy[];
  readonly delegation: Delegation;
  readonly destinationRules: PersistentMap<Hostname, readonly DestinationRulePolicy[]>;
  readonly wildcardDestinationRules: readonly DestinationRulePolicy[];
  readonly peerAuthentications: readonly PeerAuthenticationPolicy[];
  readonly authorizationPolicies: readonly AuthorizationPolicy[];
  readonly telemetries: readonly TelemetryPolicy[];
  /** For pods that are made; proxies are not sent anything because of them. */
  readonly proxyConfigs: readonly ProxyConfigPolicy[];
  readonly requestAuthentications: readonly RequestAuthenticationPolicy[];
  readonly gateways: readonly GatewayPolicy[];
  readonly sidecars: readonly SidecarPolicy[];
  readonly envoyFilters: readonly EnvoyFilterPolicy[];
}

/** VirtualServices that are not filed by host as they stand. */
export interface Delegation {
  /** Those without hosts. */
  readonly delegates: ReadonlyMap<ObjectKey, VirtualServicePolicy>;
  /** Those that leave routes to delegates. */
  readonly delegating: ReadonlyMap<ObjectKey, Delegating>;
}

/** As written, and as it holds for its hosts: with the routes of delegates in it. */
export interface Delegating {
  readonly declared: VirtualServicePolicy;
  readonly resolved: VirtualServicePolicy;
  readonly problems: readonly Problem[];
}

/** A cluster's status beside the merged mesh, for readers. */
export interface MeshStatus {
  readonly clusters: readonly ClusterStatus[];
  /** `KIND/NAMESPACE/NAME` of every object with a finding. */
  readonly problemObjects: ReadonlySet<ObjectKey>;
}
