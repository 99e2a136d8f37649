// The document of `/api/v1/why`: where requests of one workload to one host go, and what keeps them from going elsewhere.

import type { ClusterPhase } from '../../discovery/model/cluster-snapshot.ts';
import type { ClusterId, Hostname, NetworkId, ObjectKey } from '../../discovery/model/names.ts';
import type { PortConflict, ServiceKind } from '../../discovery/model/service.ts';
import type { DropReason } from '../view/dropped-endpoints.ts';

/**
 * Of an ordinary request: where the first route that certainly takes it leads.
 * - `reachable`: at least one port has somewhere to go, and some workload behind may let the request in.
 * - `no-endpoints`: the host is known, nothing of it can be used from there.
 * - `not-visible`: the host is known, but not to that namespace or cluster.
 * - `unknown-port`, `unknown-host`: no such thing in any cluster.
 * - `denied`: requests get there, and everything behind refuses this caller.
 */
export type WhyVerdict = 'reachable' | 'denied' | 'no-endpoints' | 'not-visible' | 'unknown-port' | 'unknown-host';

export interface WhyReport {
  readonly from: WhySource;
  readonly to: WhyTarget;
  readonly verdict: WhyVerdict;
  /** One sentence. */
  readonly summary: string;
  /** Hosts that may have been meant; only when the host is unknown. */
  readonly suggestions: readonly Hostname[];
  readonly service?: WhyService | undefined;
  /** The asked port, or all. */
  readonly ports: readonly WhyPort[];
}

export interface WhySource {
  /** `NAME.NAMESPACE`. */
  readonly proxy: string;
  /** False: worked out for a workload whose proxy is not connected to this instance. */
  readonly connected: boolean;
  readonly clusterId: ClusterId;
  readonly network: NetworkId;
  readonly locality: string;
}

export interface WhyTarget {
  /** As asked. */
  readonly asked: string;
  readonly host?: Hostname | undefined;
  /** The virtual IP that was asked for instead of a name. */
  readonly address?: string | undefined;
  readonly port?: number | undefined;
  readonly path?: string | undefined;
  readonly method?: string | undefined;
  /** Names of those that were given, in small letters. Values are never told. */
  readonly headers?: readonly string[] | undefined;
  /** Of those that the request is said not to have. */
  readonly withoutHeaders?: readonly string[] | undefined;
}

export interface WhyService {
  readonly host: Hostname;
  readonly kind: ServiceKind;
  readonly externalName?: string | undefined;
  readonly clusterLocal: boolean;
  /** What its name leads to from there: virtual IPs, or the pods of a headless service. Empty when it is not visible. */
  readonly addresses: readonly string[];
  /** `allocated`: the proxy's own cluster has no virtual IP for it, so the mesh gave it one. */
  readonly addressedBy: 'virtual-ip' | 'allocated' | 'pods' | 'nothing';
  /** Clusters that declare it. */
  readonly clusters: readonly WhyCluster[];
  readonly ports: readonly { readonly name: string; readonly port: number; readonly protocol: string }[];
  readonly conflicts: readonly PortConflict[];
}

export interface WhyCluster {
  readonly clusterId: ClusterId;
  readonly phase?: ClusterPhase | undefined;
  readonly staleSince?: string | undefined;
  /** What the stale policy did: its endpoints are used last, or not at all. */
  readonly policy?: 'degraded' | 'dropped' | undefined;
}

export interface WhyPort {
  readonly port: number;
  readonly name: string;
  readonly protocol: string;
  /** Name of the virtual host that takes the requests; absent for TCP. */
  readonly virtualHost?: string | undefined;
  readonly virtualService?: ObjectKey | undefined;
  /** In the order in which they are tried. Without a VirtualService there is one, which matches everything. */
  readonly routes: readonly WhyRoute[];
}

export interface WhyRoute {
  readonly name: string;
  /** In words: `path prefix /v2 and header end-user is jason`, or `everything`. */
  readonly match: string;
  /** Absent: it takes requests of this workload. Otherwise why it does not. */
  readonly skipped?: string | undefined;
  /** Of the request that is asked about: it takes it, an earlier route or its match takes it away, or it depends on what was not said. */
  readonly takes: 'yes' | 'no' | 'depends';
  /** What it depends on: `header end-user`, `the path`. */
  readonly dependsOn: readonly string[];
  /** Where it stands: `spec.http[0]` of the VirtualService, or of its delegate `KIND/NAMESPACE/NAME`. */
  readonly place?: string | undefined;
  /** What the route does instead of sending to a destination. */
  readonly action?: string | undefined;
  /** What else it does: faults, rewrites, headers, timeout, retries, copies; one line each. */
  readonly details: readonly string[];
  readonly destinations: readonly WhyDestination[];
  /** Of the requests that this route takes, how many go to which cluster. Adds up to 100, or is empty. */
  readonly shares: readonly WhyShare[];
}

export interface WhyDestination {
  readonly host: Hostname;
  readonly subset?: string | undefined;
  readonly port?: number | undefined;
  /** Name of Envoy's cluster, `outbound|PORT|SUBSET|HOST`. */
  readonly envoyCluster?: string | undefined;
  /** Of the route's requests. */
  readonly weightPercent: number;
  readonly destinationRule?: ObjectKey | undefined;
  /** Why nothing can be sent there, when nothing can. */
  readonly problem?: string | undefined;
  readonly endpoints: readonly WhyEndpoints[];
  /** What the workloads that are used do with this caller; none where there are no workloads. */
  readonly access: readonly WhyAccess[];
}

/** Workloads of one cluster that decide alike. */
export interface WhyAccess {
  readonly clusterId: ClusterId;
  /** The first few, `NAME.NAMESPACE`. */
  readonly workloads: readonly string[];
  readonly count: number;
  /** Of the requests to this destination, how many they get. */
  readonly percent: number;
  /** Absent where it is not known, or nobody asks for it. */
  readonly mtlsMode?: 'strict' | 'permissive' | 'disable' | undefined;
  /** The PeerAuthentication that says so; absent: none does. */
  readonly mtlsPolicy?: ObjectKey | undefined;
  /** What the caller's proxy speaks to them. */
  readonly connection: 'mtls' | 'tls' | 'plaintext';
  /** `depends`: on what was not said of the request. `unknown`: the policies are another cluster's. */
  readonly verdict: 'allowed' | 'denied' | 'depends' | 'unknown';
  /** In the order in which it is decided. */
  readonly reasons: readonly string[];
  /** Those in force there. */
  readonly policies: readonly ObjectKey[];
}

/** Why endpoints are left out. */
export type LeftOut = DropReason | 'not-in-subset' | 'duplicate-address' | 'draining';

/** Endpoints of one cluster and network that meet the same fate. */
export interface WhyEndpoints {
  readonly clusterId: ClusterId;
  readonly network: NetworkId;
  readonly outcome: 'direct' | 'gateway' | LeftOut;
  readonly explanation: string;
  readonly count: number;
  /** The first few. */
  readonly addresses: readonly string[];
  /** `ADDRESS:PORT` of the gateways that stand for them. */
  readonly gateways: readonly string[];
  /** Of the requests to this destination. */
  readonly percent: number;
  /** When they are used: 0 first, 1 when those fail, and so on. Absent for those that are not. */
  readonly tier?: number | undefined;
}

export interface WhyShare {
  readonly clusterId: ClusterId;
  readonly percent: number;
}

/** Two decimals are enough for people. */
export function roundPercent(percent: number): number {
  return Math.round(percent * 100) / 100;
}
