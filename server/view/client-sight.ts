// What of the VirtualServices a client sees through one gateway: a Sidecar limits what holds in the mesh, not what a gateway serves.

import type { DefaultExportTo } from '../../discovery/model/mesh-config.ts';
import type { VirtualServicePolicy } from '../../discovery/model/policy.ts';
import type { Sight } from './policy-lookup.ts';
import type { OutboundScope } from './scope.ts';
import { imports } from './sidecar-scope.ts';

/** `gateway`: `mesh`, or `NAMESPACE/NAME`. */
export function clientSight(
  { namespace: client, sidecar }: OutboundScope,
  defaultExportTo: DefaultExportTo,
  gateway: string,
): Sight & { readonly client: string } {
  const listeners = gateway === 'mesh' ? sidecar?.listeners : undefined;
  if (listeners === undefined) return { client, defaultExportTo };
  const isImported = ({ namespace, hosts }: VirtualServicePolicy): boolean =>
    listeners.some((listener) => hosts.some((host) => imports(listener, { namespace, host }, client)));
  return { client, defaultExportTo, imports: isImported };
}
