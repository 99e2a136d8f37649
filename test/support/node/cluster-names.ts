// The names of a cluster's services. In: its Services and EndpointSlices. Out: what its DNS answers for each name.

import type { V1EndpointSlice, V1Service } from '@kubernetes/client-node';
import { slicesOf } from './service-rules.ts';

export interface NamePort {
  readonly target: string;
  readonly port: number;
}

export interface NameRecords {
  readonly a: readonly string[];
  readonly srv?: readonly NamePort[] | undefined;
  readonly cname?: string | undefined;
}

/** Name without its last dot, in lower case → its records. */
export type NameTable = Readonly<Record<string, NameRecords>>;

export const clusterDomain = 'cluster.local';

export function clusterNames(services: readonly V1Service[], slices: readonly V1EndpointSlice[]): NameTable {
  const table: Record<string, NameRecords> = {};
  for (const service of services) {
    const { metadata, spec } = service;
    const name = `${metadata?.name}.${metadata?.namespace}.svc.${clusterDomain}`;
    if (spec?.type === 'ExternalName') {
      table[name] = { a: [], cname: spec.externalName };
      continue;
    }
    const headless = spec?.clusterIP === 'None';
    const a = headless ? readyAddresses(service, slices) : [spec?.clusterIP ?? ''].filter((ip) => ip !== '');
    table[name] = { a };
    if (headless) Object.assign(table, podNames(name, service, slices));
    for (const port of spec?.ports ?? []) {
      const srvName = `_${port.name ?? ''}._${(port.protocol ?? 'TCP').toLowerCase()}.${name}`;
      if (port.name !== undefined) table[srvName] = { a: [], srv: [{ target: name, port: port.port }] };
    }
  }
  return table;
}

function readyAddresses(service: V1Service, slices: readonly V1EndpointSlice[]): readonly string[] {
  const all = slicesOf(service, slices).flatMap(({ endpoints }) => endpoints ?? []);
  const unready = service.spec?.publishNotReadyAddresses === true;
  const ready = all.filter(({ conditions }) => unready || conditions?.ready !== false);
  return [...new Set(ready.flatMap(({ addresses }) => addresses))].toSorted();
}

/** Pods with a host name of their own behind a headless service. */
function podNames(name: string, service: V1Service, slices: readonly V1EndpointSlice[]): NameTable {
  const endpoints = slicesOf(service, slices).flatMap((slice) => slice.endpoints ?? []);
  return Object.fromEntries(
    endpoints.flatMap(({ hostname, addresses }) =>
      hostname === undefined ? [] : [[`${hostname}.${name}`, { a: addresses }]],
    ),
  );
}
