// A PeerAuthentication, converted and checked: whether workloads take plain text.

import type { PolicyBase } from './policy-base.ts';

export type MtlsMode = 'strict' | 'permissive' | 'disable';

export interface PeerAuthenticationPolicy extends PolicyBase {
  readonly kind: 'PeerAuthentication';
  /** Empty: the whole namespace, or the whole mesh in the system namespace. */
  readonly selector: Readonly<Record<string, string>>;
  /** Absent: inherited. */
  readonly mode?: MtlsMode | undefined;
  /** By workload port. */
  readonly portModes: ReadonlyMap<number, MtlsMode>;
}
