// What view keys need of the mesh, looked up by proxy: which service ports each workload address of the primary serves,
// and which labels VirtualServices tell sources apart by. In: a mesh snapshot. Out: an index that shares what did not change.

import { compareText } from '../../discovery/model/network-gateway.ts';
import type { Endpoint } from '../../discovery/model/endpoint.ts';
import type { MeshSnapshot } from '../../discovery/model/mesh-snapshot.ts';
import type { Hostname } from '../../discovery/model/names.ts';
import { PersistentMap } from '../../discovery/model/persistent-map.ts';
import { isHttp, type MeshService, type Protocol } from '../../discovery/model/service.ts';
import { collectClientTraits, type ClientTraits } from './client-traits.ts';

/** One service port that a workload address serves. */
export interface ServedPort {
  readonly port: number;
  readonly protocol: Protocol;
  readonly host: Hostname;
  readonly serviceName: string;
  readonly serviceNamespace: string;
  readonly servicePort: number;
  readonly createdAtMs: number;
}

/** Immutable. Made by `indexViews`, from one mesh snapshot. */
export interface ViewIndex {
  readonly mesh: MeshSnapshot;
  /** Hosts with an endpoint at this address in the primary cluster, sorted. */
  readonly hostsByAddress: PersistentMap<string, readonly Hostname[]>;
  /** Sorted. */
  readonly sourceLabelNames: readonly string[];
  readonly clientTraits: ClientTraits;
}

/** The index of `mesh`. With the index of an earlier snapshot only what differs is looked at. */
export function indexViews(mesh: MeshSnapshot, previous?: ViewIndex): ViewIndex {
  if (previous?.mesh === mesh) return previous;
  const reusable = previous?.mesh.primary === mesh.primary ? previous : undefined;
  const samePolicies = reusable?.mesh.policies === mesh.policies;
  return {
    mesh,
    hostsByAddress: indexAddresses(mesh, reusable),
    sourceLabelNames: samePolicies ? reusable.sourceLabelNames : collectSourceLabelNames(mesh),
    clientTraits:
      samePolicies && reusable.mesh.config === mesh.config
        ? reusable.clientTraits
        : collectClientTraits(mesh.policies, mesh.config),
  };
}

/** Where a workload is. */
export interface WorkloadPlace {
  readonly addresses: readonly string[];
  readonly namespace: string;
}

/**
 * Ports that services of the workload's own namespace serve at any of `addresses`, each workload port once, by port: HTTP before
 * others, then the oldest service. What other namespaces declare of these addresses changes nothing here.
 */
export function servedPorts(index: ViewIndex, { addresses, namespace }: WorkloadPlace): readonly ServedPort[] {
  const byPort = new Map<number, ServedPort>();
  for (const address of addresses) {
    for (const host of index.hostsByAddress.get(address) ?? []) {
      const service = index.mesh.services.get(host);
      if (service === undefined || service.namespace !== namespace) continue;
      for (const endpoint of index.mesh.endpoints.get(host) ?? []) {
        if (endpoint.address !== address || endpoint.clusterId !== index.mesh.primary) continue;
        for (const served of portsOf(service, endpoint)) {
          const current = byPort.get(served.port);
          if (current === undefined || compareServedPorts(served, current) < 0) byPort.set(served.port, served);
        }
      }
    }
  }
  return [...byPort.values()].toSorted((a, b) => a.port - b.port);
}

/** Pod ports behind the ports of every service of the namespace that has one of `addresses` as an endpoint, by service port. */
export function targetPortsOf(
  index: ViewIndex,
  { addresses, namespace }: WorkloadPlace,
): readonly (readonly [servicePort: number, targetPort: number])[] {
  const targets = new Map<number, number>();
  for (const address of addresses) {
    for (const host of index.hostsByAddress.get(address) ?? []) {
      const service = index.mesh.services.get(host);
      if (service === undefined || service.namespace !== namespace) continue;
      for (const endpoint of index.mesh.endpoints.get(host) ?? []) {
        if (endpoint.address !== address || endpoint.clusterId !== index.mesh.primary) continue;
        for (const { servicePort, port } of portsOf(service, endpoint)) {
          if (!targets.has(servicePort)) targets.set(servicePort, port);
        }
      }
    }
  }
  return [...targets].toSorted(([a], [b]) => a - b);
}

function* portsOf(service: MeshService, endpoint: Endpoint): Generator<ServedPort> {
  for (const { name, port, protocol } of service.ports) {
    const target = endpoint.ports[name];
    if (target === undefined || protocol === 'udp') continue;
    yield {
      port: target,
      protocol,
      host: service.host,
      serviceName: service.name,
      serviceNamespace: service.namespace,
      servicePort: port,
      createdAtMs: service.createdAtMs,
    };
  }
}

function compareServedPorts(a: ServedPort, b: ServedPort): number {
  return (
    Number(isHttp(b.protocol)) - Number(isHttp(a.protocol)) ||
    a.createdAtMs - b.createdAtMs ||
    compareText(a.host, b.host) ||
    a.servicePort - b.servicePort
  );
}

function indexAddresses(
  mesh: MeshSnapshot,
  previous: ViewIndex | undefined,
): PersistentMap<string, readonly Hostname[]> {
  const before = previous?.mesh.endpoints ?? PersistentMap.empty<Hostname, readonly Endpoint[]>();
  const base = previous?.hostsByAddress ?? PersistentMap.empty<string, readonly Hostname[]>();
  const edited = new Map<string, Set<Hostname>>();
  const hostsAt = (address: string): Set<Hostname> => {
    const hosts = edited.get(address) ?? new Set(base.get(address));
    edited.set(address, hosts);
    return hosts;
  };
  for (const host of mesh.endpoints.changedSince(before)) {
    const then = primaryAddresses(before.get(host), mesh);
    const now = primaryAddresses(mesh.endpoints.get(host), mesh);
    for (const address of then) if (!now.has(address)) hostsAt(address).delete(host);
    for (const address of now) if (!then.has(address)) hostsAt(address).add(host);
  }
  return base.with(
    [...edited].map(([address, hosts]) => [
      address,
      hosts.size === 0 ? undefined : [...hosts].toSorted((a, b) => compareText(a, b)),
    ]),
  );
}

function primaryAddresses(endpoints: readonly Endpoint[] | undefined, mesh: MeshSnapshot): ReadonlySet<string> {
  const addresses = new Set<string>();
  for (const endpoint of endpoints ?? []) if (endpoint.clusterId === mesh.primary) addresses.add(endpoint.address);
  return addresses;
}

function collectSourceLabelNames(mesh: MeshSnapshot): readonly string[] {
  const names = new Set<string>();
  const { virtualServices, wildcardVirtualServices } = mesh.policies;
  for (const policies of [...virtualServices.values(), wildcardVirtualServices]) {
    for (const { http, tcp, tls } of policies) {
      for (const { matches } of [...http, ...tcp, ...tls]) {
        for (const { sourceLabels } of matches) for (const name of Object.keys(sourceLabels)) names.add(name);
      }
    }
  }
  return [...names].toSorted((a, b) => compareText(a, b));
}
