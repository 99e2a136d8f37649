// Services: as one Kubernetes cluster declares them (`ClusterService`) and merged over all clusters (`MeshService`).

import type { ClusterId, Hostname, ObjectKey } from './names.ts';

/** Application protocol of a port, by `appProtocol`, then by port name (`http-…`), else `tcp` (UDP ports are left out). */
export type Protocol = 'http' | 'http2' | 'grpc' | 'https' | 'tls' | 'tcp' | 'mongo' | 'mysql' | 'redis' | 'udp';

/** Protocols whose requests are routed by virtual hosts. */
export function isHttp(protocol: Protocol): boolean {
  return protocol === 'http' || protocol === 'http2' || protocol === 'grpc';
}

export interface ServicePort {
  /** May be empty when the service has one port. Endpoints carry their ports by this name. */
  readonly name: string;
  readonly port: number;
  readonly protocol: Protocol;
  /** Numeric target port of the Service, when it has one; named target ports are resolved at each endpoint. */
  readonly targetPort?: number | undefined;
}

export type ServiceKind = 'cluster-ip' | 'headless' | 'external-name';

/**
 * How the addresses behind a host of a ServiceEntry are found: where the connection was going, as declared, or by DNS, all of an
 * answer's addresses (`dns`) or its first (`dns-round-robin`).
 */
export type EntryResolution = 'none' | 'static' | 'dns' | 'dns-round-robin';

/** What a host has beside the rest when a ServiceEntry declares it. */
export interface EntryDetails {
  /** The ServiceEntry; of several of one namespace the oldest. */
  readonly source: ObjectKey;
  /** Younger ones of the namespace, whose ports and endpoints are among these. */
  readonly mergedFrom?: readonly ObjectKey[] | undefined;
  readonly resolution: EntryResolution;
  /** Outside the mesh: nobody there has an identity of it, so it is never sent mesh mTLS unless a DestinationRule says so. */
  readonly isExternal: boolean;
  /** CIDR blocks among its addresses. */
  readonly ranges: readonly string[];
  /** Names of which a server's certificate must have one, beside the identities of its workloads. */
  readonly subjectAltNames: readonly string[];
}

/** A Service of one cluster, or a host of a ServiceEntry, of which the name is the host. */
export interface ClusterService {
  readonly host: Hostname;
  readonly name: string;
  readonly namespace: string;
  readonly clusterId: ClusterId;
  readonly kind: ServiceKind;
  /** Virtual IPs in this cluster (both families); empty for headless. */
  readonly addresses: readonly string[];
  readonly externalName?: string | undefined;
  readonly ports: readonly ServicePort[];
  readonly labels: Readonly<Record<string, string>>;
  /** Absent: endpoints come from EndpointSlices written by hand. */
  readonly selector?: Readonly<Record<string, string>> | undefined;
  /** `*`, `.`, or namespaces, from `networking.istio.io/exportTo`; empty means everywhere. */
  readonly exportTo: readonly string[];
  readonly publishNotReadyAddresses: boolean;
  readonly createdAtMs: number;
  /** Of a host of a ServiceEntry. */
  readonly entry?: EntryDetails | undefined;
}

/**
 * A cluster whose port of a host is not that of the others: named or spoken to differently, or missing. The first cluster in
 * the mesh's order wins.
 */
export interface PortConflict {
  readonly port: number;
  readonly clusterId: ClusterId;
  readonly message: string;
}

/** A host of the mesh: the union of the services with that host in every cluster (namespace sameness). */
export interface MeshService {
  readonly host: Hostname;
  readonly name: string;
  readonly namespace: string;
  readonly kind: ServiceKind;
  readonly externalName?: string | undefined;
  /** Union by number, ascending. */
  readonly ports: readonly ServicePort[];
  /** Virtual IPs by cluster. A proxy uses those of its own cluster. */
  readonly addresses: ReadonlyMap<ClusterId, readonly string[]>;
  /**
   * Of the mesh's reserved ranges, IPv4 before IPv6, for the proxies of clusters in which it has no virtual IP. The same on
   * every instance. Empty for external names and cluster-local services.
   */
  readonly allocatedAddresses: readonly string[];
  /** Clusters that declare the host: primary first, then by name. */
  readonly clusters: readonly ClusterId[];
  readonly labels: Readonly<Record<string, string>>;
  readonly exportTo: readonly string[];
  /** Its endpoints are used inside their own cluster only (MeshConfig serviceSettings, or the built-in list). */
  readonly clusterLocal: boolean;
  readonly conflicts: readonly PortConflict[];
  readonly createdAtMs: number;
  /** Of a host of a ServiceEntry. Its endpoints are those of its namespace: others belong to `others`. */
  readonly entry?: EntryDetails | undefined;
  /** The same host as ServiceEntries of other namespaces declare it, each for those who see it; the oldest first. */
  readonly others?: readonly MeshService[] | undefined;
}
