// One host of the mesh from the services that several clusters declare under it (namespace sameness). In: what each cluster
// has, the primary first, then by name. Out: the merged service and all endpoints, their ports by the merged names.

import type { Endpoint } from '../model/endpoint.ts';
import type { ClusterId, Hostname } from '../model/names.ts';
import { compareText } from '../model/network-gateway.ts';
import type { ClusterService, MeshService, PortConflict, ServicePort } from '../model/service.ts';
import { freeName } from './free-name.ts';

export interface HostContribution {
  readonly service: ClusterService;
  readonly endpoints: readonly Endpoint[];
}

export interface MergedHost {
  /** Without allocated addresses: these depend on all hosts. */
  readonly service: MeshService;
  /** Sorted by cluster, address, ports. */
  readonly endpoints: readonly Endpoint[];
}

/** Merged names of a cluster's ports that differ from its own; undefined: the port takes no part. */
type Renamed = ReadonlyMap<string, string | undefined>;

/** Undefined when no cluster declares the host. */
export function mergeHost(
  host: Hostname,
  contributions: readonly HostContribution[],
  clusterLocal: boolean,
): MergedHost | undefined {
  const [first] = contributions;
  if (first === undefined) return undefined;
  const { ports, conflicts, renamed } = mergePorts(contributions);
  const addresses = new Map<ClusterId, readonly string[]>();
  for (const { service } of contributions) addresses.set(service.clusterId, service.addresses);
  const { name, namespace, kind, externalName, labels, exportTo } = first.service;
  return {
    service: {
      host,
      name,
      namespace,
      kind,
      ...(externalName === undefined ? {} : { externalName }),
      ports,
      addresses,
      allocatedAddresses: [],
      clusters: contributions.map(({ service }) => service.clusterId),
      labels,
      exportTo,
      clusterLocal,
      conflicts,
      createdAtMs: Math.min(...contributions.map(({ service }) => service.createdAtMs)),
    },
    endpoints: mergeEndpoints(contributions, renamed),
  };
}

interface MergedPorts {
  readonly ports: readonly ServicePort[];
  readonly conflicts: readonly PortConflict[];
  readonly renamed: ReadonlyMap<ClusterId, Renamed>;
}

/**
 * The union by number. A cluster that names a number differently takes part under the first name; one that speaks another
 * protocol on it does not; one that uses a taken name for another number gets a name of its own.
 */
function mergePorts(contributions: readonly HostContribution[]): MergedPorts {
  const byNumber = new Map<number, ServicePort>();
  const names = new Set<string>();
  const conflicts: PortConflict[] = [];
  const renamed = new Map<ClusterId, Map<string, string | undefined>>();
  for (const { service } of contributions) {
    const own = new Map<string, string | undefined>();
    for (const port of service.ports) {
      const conflict = (message: string): void => {
        conflicts.push({ port: port.port, clusterId: service.clusterId, message });
      };
      const merged = byNumber.get(port.port);
      if (merged === undefined) {
        const name = names.has(port.name) ? freeName(`${port.name || 'port'}-${port.port}`, names) : port.name;
        if (name !== port.name) {
          own.set(port.name, name);
          conflict(
            `${service.clusterId} names port ${port.port} "${port.name}", which another port is named; here it is "${name}"`,
          );
        }
        names.add(name);
        byNumber.set(port.port, { ...port, name });
      } else if (merged.protocol !== port.protocol) {
        own.set(port.name, undefined);
        conflict(
          `${service.clusterId} declares port ${port.port} as ${port.protocol}, which is ${merged.protocol} elsewhere; ` +
            `its endpoints take no part on this port`,
        );
      } else if (merged.name !== port.name) own.set(port.name, merged.name);
    }
    if (own.size > 0) renamed.set(service.clusterId, own);
  }
  const ports = [...byNumber.values()].toSorted((a, b) => a.port - b.port);
  return { ports, conflicts: [...conflicts, ...missing(contributions, ports)], renamed };
}

/** Ports that only some clusters have: the endpoints of the others take no part there. */
function missing(contributions: readonly HostContribution[], all: readonly ServicePort[]): readonly PortConflict[] {
  return contributions.flatMap(({ service: { clusterId, ports } }) => {
    if (ports.length === 0 || ports.length === all.length) return [];
    const own = new Set(ports.map(({ port }) => port));
    const message = (port: number): string =>
      `${clusterId} does not have port ${port}, which other clusters have; its endpoints take no part on this port`;
    return all.filter(({ port }) => !own.has(port)).map(({ port }) => ({ port, clusterId, message: message(port) }));
  });
}

/** Shares a cluster's own list when it is the only one and its names are the merged ones. */
function mergeEndpoints(
  contributions: readonly HostContribution[],
  renamed: ReadonlyMap<ClusterId, Renamed>,
): readonly Endpoint[] {
  const lists = contributions
    .filter(({ endpoints }) => endpoints.length > 0)
    .toSorted((a, b) => compareText(a.service.clusterId, b.service.clusterId))
    .map(({ service, endpoints }) => rename(endpoints, renamed.get(service.clusterId)));
  const [only] = lists;
  return lists.length === 1 && only !== undefined ? only : lists.flat();
}

function rename(endpoints: readonly Endpoint[], names: Renamed | undefined): readonly Endpoint[] {
  if (names === undefined) return endpoints;
  // The order stays that of the cluster: by address, then by its own port names, which the new names follow one to one.
  return endpoints.map((endpoint) => {
    const ports: Record<string, number> = {};
    for (const [name, port] of Object.entries(endpoint.ports)) {
      const merged = names.has(name) ? names.get(name) : name;
      if (merged !== undefined) ports[merged] = port;
    }
    return { ...endpoint, ports };
  });
}
