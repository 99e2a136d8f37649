// CPU and memory of the proxy: as annotations say, which replace the settings as a whole once there is one. Out: `resources`.

import type { Mapping } from './json-value.ts';
import type { SidecarContext } from './sidecar-context.ts';

export function proxyResources({ annotations, settings }: SidecarContext): Mapping {
  const said = (name: string): string | undefined => annotations[`sidecar.istio.io/proxy${name}`];
  const requests = amounts(said('CPU'), said('Memory'));
  const limits = amounts(said('CPULimit'), said('MemoryLimit'));
  if (requests === undefined && limits === undefined) return settings.resources;
  return { ...(requests === undefined ? {} : { requests }), ...(limits === undefined ? {} : { limits }) };
}

function amounts(cpu: string | undefined, memory: string | undefined): Mapping | undefined {
  if (cpu === undefined && memory === undefined) return undefined;
  return { ...(cpu === undefined ? {} : { cpu }), ...(memory === undefined ? {} : { memory }) };
}
