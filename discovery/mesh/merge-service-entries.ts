// A host that only ServiceEntries declare. In: what each declares of it, the oldest first. Out: the merged host, the declaration of
// the oldest with those of other namespaces beside it, so that each namespace sees the one that is meant for it.

import type { Endpoint } from '../model/endpoint.ts';
import type { ClusterId } from '../model/names.ts';
import type { ServiceEntryHost } from '../model/service-entry-host.ts';
import type { ClusterService, MeshService } from '../model/service.ts';
import { compareEndpoints } from '../registry/build-endpoints.ts';
import type { MergedHost } from './merge-host.ts';
import { mergeByNamespace } from './merge-namespace-entries.ts';

export interface EntryMerge {
  readonly primary: ClusterId;
  readonly clusterLocal: boolean;
}

/** Undefined when none declares the host. Several of one namespace are one. */
export function mergeServiceEntries(
  declared: readonly ServiceEntryHost[],
  { primary, clusterLocal }: EntryMerge,
): MergedHost | undefined {
  const [first, ...rest] = mergeByNamespace(declared).map(({ host }) => host);
  if (first === undefined) return undefined;
  const others = rest.map(({ service }) => meshService(service, primary, clusterLocal));
  const endpoints: readonly Endpoint[] =
    rest.length === 0 ? first.endpoints : [first, ...rest].flatMap((one) => one.endpoints).toSorted(compareEndpoints);
  return {
    service: { ...meshService(first.service, primary, clusterLocal), ...(others.length === 0 ? {} : { others }) },
    endpoints,
  };
}

function meshService(service: ClusterService, primary: ClusterId, clusterLocal: boolean): MeshService {
  const { host, name, namespace, kind, ports, labels, exportTo, createdAtMs, addresses, entry } = service;
  return {
    host,
    name,
    namespace,
    kind,
    ports,
    addresses: new Map([[primary, addresses]]),
    allocatedAddresses: [],
    clusters: [primary],
    labels,
    exportTo,
    clusterLocal,
    conflicts: [],
    createdAtMs,
    ...(entry === undefined ? {} : { entry }),
  };
}
