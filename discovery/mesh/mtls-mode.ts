// Which PeerAuthentication holds for a workload's port: the one that selects the workload before the one of its
// namespace before the mesh-wide one in the root namespace; a port's own mode before all of them.

import type { MeshSnapshot } from '../model/mesh-snapshot.ts';
import type { MtlsMode, PeerAuthenticationPolicy } from '../model/policy.ts';
import { labelsMatch } from './visibility.ts';

export interface MtlsModes {
  /** For ports without a mode of their own. */
  readonly defaultMode: MtlsMode;
  readonly portModes: ReadonlyMap<number, MtlsMode>;
}

/** Precedence as in Istio's PeerAuthentication reference; of two of the same rank the older one holds. */
export function mtlsModesOf(
  workload: { readonly namespace: string; readonly labels: Readonly<Record<string, string>> },
  mesh: MeshSnapshot,
): MtlsModes {
  let ofWorkload: PeerAuthenticationPolicy | undefined;
  let ofNamespace: PeerAuthenticationPolicy | undefined;
  let ofMesh: PeerAuthenticationPolicy | undefined;
  for (const policy of mesh.policies.peerAuthentications) {
    const selects = Object.keys(policy.selector).length > 0;
    if (!selects && policy.namespace === mesh.config.rootNamespace) ofMesh ??= policy;
    if (policy.namespace !== workload.namespace) continue;
    if (!selects) ofNamespace ??= policy;
    else if (labelsMatch(policy.selector, workload.labels)) ofWorkload ??= policy;
  }
  return {
    defaultMode: ofWorkload?.mode ?? ofNamespace?.mode ?? ofMesh?.mode ?? 'permissive',
    portModes: ofWorkload?.portModes ?? new Map<number, MtlsMode>(),
  };
}

/** Whether any of `policies` turns mTLS off for somebody. */
export function turnsMtlsOff(policies: readonly PeerAuthenticationPolicy[]): boolean {
  return policies.some(({ mode, portModes }) => mode === 'disable' || [...portModes.values()].includes('disable'));
}
