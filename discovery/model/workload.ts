// A workload of the primary: what the control plane must know of a pod (or WorkloadEntry) that a proxy runs beside.

import type { TlsMode, WorkloadIdentity } from './endpoint.ts';
import type { Locality } from './locality.ts';
import type { NetworkId } from './names.ts';

export interface Workload {
  readonly identity: WorkloadIdentity;
  readonly addresses: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly locality: Locality;
  readonly network: NetworkId;
  readonly tlsMode: TlsMode;
  /** Container ports by name, to resolve named target ports. */
  readonly namedPorts: Readonly<Record<string, number>>;
}
