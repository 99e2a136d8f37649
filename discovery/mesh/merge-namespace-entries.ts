// ServiceEntries of one namespace that declare one host: they are one host with the ports and endpoints of all, as in Istio. In: what each
// declares, the oldest first. Out: the host, and what of the younger ones has no effect beside the oldest.

import type { Endpoint } from '../model/endpoint.ts';
import type { ServiceEntryHost } from '../model/service-entry-host.ts';
import type { ClusterService, ServicePort } from '../model/service.ts';
import { compareEndpoints } from '../registry/build-endpoints.ts';
import { freeName } from './free-name.ts';

export interface MergedEntries {
  readonly host: ServiceEntryHost;
  readonly differences: readonly EntryDifference[];
}

/** Something that a ServiceEntry declares and the oldest decides. */
export interface EntryDifference {
  readonly entry: ServiceEntryHost;
  readonly oldest: ServiceEntryHost;
  readonly field: string;
  /** What differs. */
  readonly what: string;
  /** False: nothing of it has an effect for the host. */
  readonly joined: boolean;
}

/** One of each namespace, in the order of the oldest of each. */
export function mergeByNamespace(declared: readonly ServiceEntryHost[]): readonly MergedEntries[] {
  const byNamespace = Map.groupBy(declared, ({ service }) => service.namespace);
  return [...byNamespace.values()].flatMap(([oldest, ...younger]) =>
    oldest === undefined ? [] : [mergeEntries(oldest, younger)],
  );
}

/**
 * Ports are joined by number: of two with one number the older says the protocol and the name, and one that has another protocol takes no part.
 * Addresses, the location and names of certificates are the oldest's. Who is looked for differently, or by others, is not joined.
 */
function mergeEntries(oldest: ServiceEntryHost, younger: readonly ServiceEntryHost[]): MergedEntries {
  if (younger.length === 0) return { host: oldest, differences: [] };
  const differences: EntryDifference[] = [];
  const joined: ServiceEntryHost[] = [];
  for (const entry of younger) {
    const obstacle = obstacleBetween(oldest.service, entry.service);
    if (obstacle === undefined) {
      joined.push(entry);
      differences.push(...decidedByOldest(oldest, entry).map((one) => ({ entry, oldest, joined: true, ...one })));
    } else differences.push({ entry, oldest, joined: false, ...obstacle });
  }
  if (joined.length === 0) return { host: oldest, differences };
  const ports = new Map(oldest.service.ports.map((port) => [port.port, port]));
  const names = new Set(oldest.service.ports.map(({ name }) => name));
  const endpoints = [...oldest.endpoints];
  for (const entry of joined) {
    const renamed = new Map<string, string>();
    for (const [index, port] of entry.service.ports.entries()) {
      const before = ports.get(port.port);
      if (before === undefined) {
        const name = names.has(port.name) ? freeName(`${port.name}-${String(port.port)}`, names) : port.name;
        names.add(name);
        ports.set(port.port, { ...port, name });
        renamed.set(port.name, name);
      } else if (before.protocol === port.protocol) renamed.set(port.name, before.name);
      else differences.push({ entry, oldest, joined: true, ...otherProtocol(index, port, before) });
    }
    endpoints.push(...entry.endpoints.flatMap((endpoint) => newPorts(endpoint, renamed, endpoints)));
  }
  const { entry: details } = oldest.service;
  const mergedFrom = joined.flatMap(({ service }) => service.entry?.source ?? []);
  const service: ClusterService = {
    ...oldest.service,
    ports: [...ports.values()].toSorted((a, b) => a.port - b.port),
    ...(details === undefined ? {} : { entry: { ...details, mergedFrom } }),
  };
  return { host: { ...oldest, service, endpoints: endpoints.toSorted(compareEndpoints) }, differences };
}

type Difference = Pick<EntryDifference, 'field' | 'what'>;

function obstacleBetween(oldest: ClusterService, other: ClusterService): Difference | undefined {
  if (oldest.entry?.resolution !== other.entry?.resolution) return { field: 'spec.resolution', what: 'resolution' };
  if (oldest.exportTo.join() !== other.exportTo.join()) return { field: 'spec.exportTo', what: 'exportTo' };
  return undefined;
}

function decidedByOldest({ service: oldest }: ServiceEntryHost, { service }: ServiceEntryHost): readonly Difference[] {
  const wanted = oldestDecides(oldest);
  return [...oldestDecides(service)].flatMap(([name, value]) =>
    value === '' || value === wanted.get(name) ? [] : [{ field: `spec.${name}`, what: name }],
  );
}

/** Fields of which the oldest's hold, as texts to compare. */
function oldestDecides({ addresses, entry }: ClusterService): ReadonlyMap<string, string> {
  return new Map([
    ['addresses', [...addresses, ...(entry?.ranges ?? [])].toSorted().join()],
    ['location', String(entry?.isExternal)],
    ['subjectAltNames', (entry?.subjectAltNames ?? []).toSorted().join()],
  ]);
}

function otherProtocol(index: number, { port, protocol }: ServicePort, before: ServicePort): Difference {
  const what = `port ${String(port)}, there ${before.protocol} and here ${protocol},`;
  return { field: `spec.ports[${String(index)}].protocol`, what };
}

/** The endpoint with the ports, by their merged names, at which it is not known yet. */
function newPorts(
  endpoint: Endpoint,
  renamed: ReadonlyMap<string, string>,
  known: readonly Endpoint[],
): readonly Endpoint[] {
  const same = known.filter(({ address }) => address === endpoint.address);
  const ports: Record<string, number> = {};
  for (const [own, port] of Object.entries(endpoint.ports)) {
    const name = renamed.get(own);
    if (name !== undefined && !same.some((one) => one.ports[name] === port)) ports[name] = port;
  }
  return Object.keys(ports).length === 0 ? [] : [{ ...endpoint, ports }];
}
