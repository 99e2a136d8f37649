// What a reader sees of one connected proxy: who it is, and for each xDS type what it was sent, accepted and rejected.

import type { ClusterId, NetworkId } from '../../discovery/model/names.ts';
import type { ProxyType } from '../proxy/proxy.ts';

/**
 * - `SYNCED`: the proxy accepted the last response.
 * - `NOT_SENT`: it subscribed and nothing was sent yet.
 * - `STALE`: a response waits for its answer.
 * - `ERROR`: it rejected the last response.
 */
export type SyncState = 'SYNCED' | 'NOT_SENT' | 'STALE' | 'ERROR';

export interface ProxyStatus {
  readonly nodeId: string;
  /** `NAME.NAMESPACE`. */
  readonly proxy: string;
  readonly namespace: string;
  readonly type: ProxyType;
  readonly clusterId: ClusterId;
  readonly network: NetworkId;
  /** `region/zone/subzone`, empty when unknown. */
  readonly locality: string;
  readonly istioVersion: string;
  /** SPIFFE id; absent on the plaintext port. */
  readonly identity?: string | undefined;
  /** `ADDRESS:PORT` of the other end. */
  readonly peerAddress: string;
  /** RFC 3339. */
  readonly connectedAt: string;
  readonly variant: 'delta' | 'sotw';
  /** In the order in which types are pushed. */
  readonly types: readonly ProxyTypeStatus[];
}

export interface ProxyTypeStatus {
  /** Short name: `cds`, `eds`, `lds`, `rds`, `vhds` …; the type URL when it has none. */
  readonly name: string;
  readonly typeUrl: string;
  /** Nonce of the last response; empty before the first. */
  readonly sent: string;
  /** RFC 3339: when that was; absent before the first. */
  readonly sentAt?: string | undefined;
  /** Version that the last response announced (`system_version_info` or `version_info`). */
  readonly version: string;
  /** Nonce of the last accepted response; empty when none was. */
  readonly acked: string;
  readonly status: SyncState;
  /** Resources of this type that the proxy holds. */
  readonly resources: number;
  /** Responses sent on this stream. */
  readonly pushes: number;
  /** Responses rejected on this stream. */
  readonly rejected: number;
  /** The last rejection, kept after a later response was accepted. */
  readonly lastError?: ProxyError | undefined;
}

export interface ProxyError {
  /** The proxy's own words. */
  readonly message: string;
  readonly resourceNames: readonly string[];
  /** `KIND/NAMESPACE/NAME` of the objects that the resources were made from. */
  readonly sourceObjects: readonly string[];
  /** RFC 3339. */
  readonly at?: string | undefined;
}

/** The worst state of all types: what one line about a proxy says. */
export function overallState(status: ProxyStatus): SyncState {
  const severity: readonly SyncState[] = ['ERROR', 'STALE', 'NOT_SENT', 'SYNCED'];
  return severity.find((state) => status.types.some((type) => type.status === state)) ?? 'NOT_SENT';
}

const shortNames: ReadonlyMap<string, string> = new Map([
  ['type.googleapis.com/envoy.config.cluster.v3.Cluster', 'cds'],
  ['type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment', 'eds'],
  ['type.googleapis.com/envoy.config.listener.v3.Listener', 'lds'],
  ['type.googleapis.com/envoy.config.route.v3.RouteConfiguration', 'rds'],
  ['type.googleapis.com/envoy.config.route.v3.VirtualHost', 'vhds'],
  ['type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret', 'sds'],
  ['type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig', 'ecds'],
  ['type.googleapis.com/istio.networking.nds.v1.NameTable', 'nds'],
  ['type.googleapis.com/istio.mesh.v1alpha1.ProxyConfig', 'pcds'],
]);

/** `cds` for a cluster's type URL and so on; a type without a short name keeps its URL. */
export function shortTypeName(typeUrl: string): string {
  return shortNames.get(typeUrl) ?? typeUrl;
}
