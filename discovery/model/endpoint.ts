// Endpoints of a host: one for each backing workload address, with where it is and who it is.

import type { Locality } from './locality.ts';
import type { ClusterId, NetworkId } from './names.ts';

/** `healthy` takes traffic; `draining` finishes what it has; `unhealthy` takes none but counts for panic decisions. */
export type EndpointHealth = 'healthy' | 'draining' | 'unhealthy';

/** Whether the workload's proxy accepts mesh mTLS (label `security.istio.io/tlsMode: istio`). */
export type TlsMode = 'istio' | 'disabled';

export interface WorkloadIdentity {
  readonly name: string;
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly canonicalName: string;
  readonly canonicalRevision: string;
}

export interface Endpoint {
  /** IPv4 or IPv6 address, no port; for hosts that are resolved by DNS also a DNS name. */
  readonly address: string;
  /** Port numbers by service port name. A port that this endpoint does not serve is absent. */
  readonly ports: Readonly<Record<string, number>>;
  readonly health: EndpointHealth;
  readonly clusterId: ClusterId;
  readonly network: NetworkId;
  /** Reached directly from every network: declared outside Kubernetes, and without a network. */
  readonly anyNetwork?: true | undefined;
  readonly locality: Locality;
  readonly labels: Readonly<Record<string, string>>;
  readonly workload: WorkloadIdentity;
  readonly tlsMode: TlsMode;
  /** Relative weight, 1 unless a WorkloadEntry says otherwise. */
  readonly weight: number;
  /** Pod host name in a headless service (`web-0`). */
  readonly hostname?: string | undefined;
}
