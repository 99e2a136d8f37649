// Finds a host by the names people write for it, and its endpoints; suggests near misses when there is none.

import { isIP } from 'node:net';
import type { Endpoint } from '../../discovery/model/endpoint.ts';
import type { MeshSnapshot } from '../../discovery/model/mesh-snapshot.ts';
import { hostname, type ClusterId, type Hostname } from '../../discovery/model/names.ts';
import { compareText } from '../../discovery/model/network-gateway.ts';
import type { MeshService, ServicePort } from '../../discovery/model/service.ts';

/** The document of `/api/v1/endpoints?host=`. */
export interface EndpointsOfHost {
  readonly host: Hostname;
  /** Of the service; only when it was asked for. The endpoints are those that serve it, without their other ports. */
  readonly port?: number | undefined;
  /** Virtual IPs by cluster; a cluster without any is left out. */
  readonly addresses: Readonly<Record<ClusterId, readonly string[]>>;
  /** For the proxies of clusters without any. */
  readonly allocatedAddresses: readonly string[];
  /** Sorted by cluster, address and ports. */
  readonly endpoints: readonly Endpoint[];
}

/** The service that `text` names: a full host, `NAME.NS.svc`, `NAME.NS`, or `NAME` in `namespace`; as a pod would resolve it. */
export function findService(mesh: MeshSnapshot, text: string, namespace: string): MeshService | undefined {
  const name = text.toLowerCase().replace(/\.$/, '');
  const { domain } = mesh.config;
  const candidates = [name, `${name}.${domain}`, `${name}.svc.${domain}`, `${name}.${namespace}.svc.${domain}`];
  for (const candidate of candidates) {
    const service = mesh.services.get(hostname(candidate));
    if (service !== undefined) return service;
  }
  return undefined;
}

/** As `findService` in the namespace `default`; a name that only one namespace has, or a virtual IP of the primary's, is enough. */
export function findServiceAnywhere(mesh: MeshSnapshot, text: string): MeshService | undefined {
  const named = findService(mesh, text, 'default');
  if (named !== undefined) return named;
  if (isIP(text) !== 0) return findByAddress(mesh, text);
  const [only, ...others] = [...mesh.services.values()].filter(({ name }) => name === text.toLowerCase());
  return others.length === 0 ? only : undefined;
}

function findByAddress({ services, primary }: MeshSnapshot, address: string): MeshService | undefined {
  const wanted = address.toLowerCase();
  const all = [...services.values()];
  return (
    all.find(({ addresses }) => addresses.get(primary)?.includes(wanted) === true) ??
    all.find(({ allocatedAddresses }) => allocatedAddresses.includes(wanted))
  );
}

/** A service and its endpoints, as readers see them; of one port if that is asked for. */
export function endpointsOfHost(mesh: MeshSnapshot, service: MeshService, port?: ServicePort): EndpointsOfHost {
  const { host, allocatedAddresses } = service;
  const all = mesh.endpoints.get(host) ?? [];
  return {
    host,
    ...(port === undefined ? {} : { port: port.port }),
    addresses: addressesByCluster(service),
    allocatedAddresses,
    endpoints: port === undefined ? all : all.flatMap((endpoint) => serving(endpoint, port)),
  };
}

function serving(endpoint: Endpoint, { name }: ServicePort): readonly Endpoint[] {
  const number = endpoint.ports[name];
  return number === undefined ? [] : [{ ...endpoint, ports: { [name]: number } }];
}

/** Virtual IPs by cluster, in the mesh's order, without clusters that have none. */
export function addressesByCluster({ addresses }: MeshService): Readonly<Record<ClusterId, readonly string[]>> {
  return Object.fromEntries([...addresses].filter(([, list]) => list.length > 0));
}

const maxSuggestions = 5;

/** Hosts that `text` may have meant: the same name elsewhere, then names a few letters away. At most five. */
export function nearMisses(mesh: MeshSnapshot, text: string): readonly Hostname[] {
  const [name = '', namespace = ''] = text.toLowerCase().split('.');
  const scored: { readonly host: Hostname; readonly distance: number }[] = [];
  for (const service of mesh.services.values()) {
    const nameDistance = editDistance(name, service.name);
    if (nameDistance > Math.max(1, Math.floor(name.length / 3))) continue;
    const namespaceDistance = namespace === '' ? 0 : Math.min(1, editDistance(namespace, service.namespace));
    scored.push({ host: service.host, distance: nameDistance * 2 + namespaceDistance });
  }
  return scored
    .toSorted((a, b) => a.distance - b.distance || compareText(a.host, b.host))
    .slice(0, maxSuggestions)
    .map((candidate) => candidate.host);
}

/** Levenshtein distance. Names in Kubernetes have at most 63 letters; longer input is cut. */
function editDistance(a: string, b: string): number {
  const left = a.slice(0, 64);
  const right = b.slice(0, 64);
  let previous = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let row = 1; row <= left.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= right.length; column += 1) {
      const substitution = (previous[column - 1] ?? 0) + (left[row - 1] === right[column - 1] ? 0 : 1);
      const insertion = (current[column - 1] ?? 0) + 1;
      const deletion = (previous[column] ?? 0) + 1;
      current.push(Math.min(substitution, insertion, deletion));
    }
    previous = current;
  }
  return previous[right.length] ?? 0;
}
