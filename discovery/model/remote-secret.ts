// A remote cluster as a Secret of the primary declares it: how it is reached, what of it is read, and when it counts as stale.

import type { Hidden } from './hidden.ts';
import type { ClusterId, NetworkId, ObjectKey } from './names.ts';
import type { Origin } from './problem.ts';
import type { StalePolicy } from './stale-rule.ts';

export interface RemoteSecret {
  readonly clusterId: ClusterId;
  /** The Secret that declares it; one Secret may declare several clusters. */
  readonly secret: ObjectKey;
  /** `NAMESPACE/NAME`. */
  readonly secretName: string;
  /** When the Secret was created, in milliseconds since the epoch; 0 when unknown. */
  readonly createdAtMs: number;
  readonly kubeconfig: Hidden;
  /** Where the kubeconfig stands, e.g. `data.cluster-2`. */
  readonly field: string;
  readonly origin?: Origin | undefined;
  /** The cluster's network when neither its system namespace nor MeshNetworks names one. */
  readonly network?: NetworkId | undefined;
  /** Sorted; all namespaces when absent. */
  readonly namespaces?: readonly string[] | undefined;
  /** A Kubernetes label selector for Services and EndpointSlices. */
  readonly labelSelector?: string | undefined;
  /** Where they differ from the instance's options. */
  readonly stalePolicy?: StalePolicy | undefined;
  readonly staleAfterMs?: number | undefined;
}
