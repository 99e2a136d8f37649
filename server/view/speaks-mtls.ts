// Whether the proxy of an endpoint's workload takes mesh mTLS. A workload whose PeerAuthentication turns mTLS off has a proxy, but one
// that takes plain text only.

import type { Endpoint } from '../../discovery/model/endpoint.ts';
import type { MeshSnapshot } from '../../discovery/model/mesh-snapshot.ts';
import { mtlsModesOf, turnsMtlsOff } from './mtls-mode.ts';

/** `targetPort`: the endpoint's own. */
export type SpeaksMtls = (endpoint: Endpoint, targetPort: number) => boolean;

export function speaksMtlsIn(mesh: MeshSnapshot): SpeaksMtls {
  // Whether any workload may have it turned off: a mesh where none has is spared the look at each endpoint.
  let isTurnedOff: boolean | undefined;
  return ({ tlsMode, workload, labels }, targetPort) => {
    if (tlsMode !== 'istio') return false;
    isTurnedOff ??= turnsMtlsOff(mesh.policies.peerAuthentications);
    if (!isTurnedOff) return true;
    const { defaultMode, portModes } = mtlsModesOf({ namespace: workload.namespace, labels }, mesh);
    return (portModes.get(targetPort) ?? defaultMode) !== 'disable';
  };
}
