// What one class of proxies receives: the workload's service ports with protocol and mTLS mode, all of it in the scope,
// and the mesh-wide settings.

import type { MeshConfig } from '../../discovery/model/mesh-config.ts';
import type { MeshSnapshot } from '../../discovery/model/mesh-snapshot.ts';
import type { InboundScope } from './scope.ts';

/** Immutable. Depends on the mesh through `config` alone: everything else is in the scope, so in the key. */
export interface InboundView {
  readonly scope: InboundScope;
  readonly config: MeshConfig;
}

export function buildInboundView(scope: InboundScope, mesh: MeshSnapshot): InboundView {
  const { telemetry } = scope;
  return { scope, config: telemetry === undefined ? mesh.config : { ...mesh.config, telemetry } };
}
