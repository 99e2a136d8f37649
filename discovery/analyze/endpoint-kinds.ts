// Endpoints of a host that differ in what policies look at. In: all of them. Out: one of each kind, worked out once for a list, which is
// immutable and the same from one search to the next unless the host's endpoints changed.

import type { Endpoint } from '../model/endpoint.ts';

const known = new WeakMap<readonly Endpoint[], readonly Endpoint[]>();

/** Told apart by cluster, namespace, labels, TLS mode and ports. */
export function endpointKinds(endpoints: readonly Endpoint[]): readonly Endpoint[] {
  const before = known.get(endpoints);
  if (before !== undefined) return before;
  const kinds = new Map<string, Endpoint>();
  for (const endpoint of endpoints) {
    const { clusterId, workload, labels, tlsMode, ports } = endpoint;
    const key = JSON.stringify([clusterId, workload.namespace, tlsMode, labels, ports]);
    if (!kinds.has(key)) kinds.set(key, endpoint);
  }
  const made = [...kinds.values()];
  known.set(endpoints, made);
  return made;
}
