// All that is known of one Kubernetes cluster at one moment. Immutable; a new snapshot shares what did not change.

import type { Endpoint } from './endpoint.ts';
import type { ClusterId, Hostname, NetworkId, ObjectKey } from './names.ts';
import type { MeshSettings } from './mesh-config.ts';
import type { NetworkGateway } from './network-gateway.ts';
import type { PersistentMap } from './persistent-map.ts';
import type { Policy } from './policy.ts';
import type { Problem } from './problem.ts';
import type { RemoteSecret } from './remote-secret.ts';
import type { ServiceEntryHost } from './service-entry-host.ts';
import type { ClusterService } from './service.ts';
import type { Workload } from './workload.ts';

export type ClusterMode = 'primary' | 'discovery-only';
export type ClusterPhase = 'connecting' | 'syncing' | 'running' | 'stale' | 'failed';

export interface ClusterSnapshot {
  readonly clusterId: ClusterId;
  readonly mode: ClusterMode;
  /** From the system namespace's label `topology.istio.io/network`, else MeshNetworks, else the option; empty when unnamed. */
  readonly network: NetworkId;
  readonly services: PersistentMap<Hostname, ClusterService>;
  /** By host; sorted by address, then by ports. A host without endpoints has no entry. */
  readonly endpoints: PersistentMap<Hostname, readonly Endpoint[]>;
  /** Primary only: what ServiceEntries declare, by host; the oldest first. */
  readonly serviceEntries?: PersistentMap<Hostname, readonly ServiceEntryHost[]> | undefined;
  /** Gateways into this cluster's networks that its own objects declare, sorted (`compareGateways`). */
  readonly gateways: readonly NetworkGateway[];
  /** Primary only: workloads by IP address. */
  readonly workloads: PersistentMap<string, Workload>;
  /** Primary only. */
  readonly policies: PersistentMap<ObjectKey, Policy>;
  /** Primary in directory mode only: tokens of `kubernetes.io/service-account-token` Secrets. Never logged, never shown. */
  readonly serviceAccountTokens: ReadonlyMap<string, { readonly namespace: string; readonly serviceAccount: string }>;
  /**
   * The roots that the cluster publishes, to be compared with ours: PEM bundle of ConfigMap `istio-ca-root-cert`, else the
   * fingerprints in an annotation of its system namespace.
   */
  readonly publishedRoots?: string | undefined;
  /** Primary only: ConfigMap `istio` of the system namespace, over the defaults of the instance. */
  readonly meshSettings?: MeshSettings | undefined;
  /** Primary only: remote clusters as its Secrets declare them, by cluster; of one cluster's, the first is in force. */
  readonly remoteSecrets?: readonly RemoteSecret[] | undefined;
}

/** What a reader of `/api/v1/clusters` sees; field names are fixed. */
export interface ClusterStatus {
  readonly clusterId: ClusterId;
  readonly network: NetworkId;
  readonly mode: ClusterMode;
  /** Of a remote that a Secret declares: `NAMESPACE/NAME` of the Secret. */
  readonly secretName?: string | undefined;
  /** RFC 3339: when the credentials for it end, as far as they say. */
  readonly credentialExpiresAt?: string | undefined;
  readonly phase: ClusterPhase;
  /** RFC 3339; absent before the first event. */
  readonly lastEventAt?: string | undefined;
  readonly services: number;
  readonly endpoints: number;
  readonly staleSince?: string | undefined;
  readonly error?: string | undefined;
  readonly problems: readonly Problem[];
  /** Named conditions, e.g. `root-mismatch`. */
  readonly conditions: readonly { readonly name: string; readonly message: string }[];
}
