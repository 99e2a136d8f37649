// The hosts of a mesh by the namespaces that declare them, made once a snapshot for all views of it.

import type { MeshSnapshot } from '../../discovery/model/mesh-snapshot.ts';
import type { Hostname } from '../../discovery/model/names.ts';

type Services = MeshSnapshot['services'];
type HostsByNamespace = ReadonlyMap<string, readonly Hostname[]>;

const made = new WeakMap<Services, HostsByNamespace>();

export function servicesByNamespace(services: Services): HostsByNamespace {
  const known = made.get(services);
  if (known !== undefined) return known;
  const byNamespace = new Map<string, Hostname[]>();
  const add = (namespace: string, host: Hostname): void => {
    const hosts = byNamespace.get(namespace);
    if (hosts === undefined) byNamespace.set(namespace, [host]);
    else hosts.push(host);
  };
  for (const [host, { namespace, others = [] }] of services) {
    add(namespace, host);
    for (const other of others) add(other.namespace, host);
  }
  made.set(services, byNamespace);
  return byNamespace;
}
