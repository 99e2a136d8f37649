// Which workload addresses may belong to another class after a change: those whose workload, or whose place among the
// endpoints of a service of the primary, differs.

import type { ChangeSet } from '../../discovery/model/change-set.ts';
import type { MeshSnapshot } from '../../discovery/model/mesh-snapshot.ts';
import type { Hostname } from '../../discovery/model/names.ts';

/** Addresses in the primary that `change`, which leads from `before` to `after`, can have moved. */
export function affectedAddresses(before: MeshSnapshot, after: MeshSnapshot, change: ChangeSet): ReadonlySet<string> {
  const addresses = new Set<string>(change.workloads);
  for (const host of change.endpoints) {
    const then = portsByAddress(before, host, after);
    const now = portsByAddress(after, host, before);
    for (const [address, ports] of then) if (now.get(address) !== ports) addresses.add(address);
    for (const address of now.keys()) if (!then.has(address)) addresses.add(address);
  }
  for (const host of change.services) {
    for (const address of portsByAddress(before, host).keys()) addresses.add(address);
    for (const address of portsByAddress(after, host).keys()) addresses.add(address);
  }
  return addresses;
}

/** The ports that each address of the primary serves for the host, in a form that compares by `===`; without what `but` has as well. */
function portsByAddress(mesh: MeshSnapshot, host: Hostname, but?: MeshSnapshot): ReadonlyMap<string, string> {
  const ports = new Map<string, string>();
  const same = new Set(but?.endpoints.get(host));
  for (const endpoint of mesh.endpoints.get(host) ?? []) {
    if (endpoint.clusterId !== mesh.primary || same.has(endpoint)) continue;
    ports.set(endpoint.address, `${ports.get(endpoint.address) ?? ''}${JSON.stringify(endpoint.ports)}`);
  }
  return ports;
}
