// The endpoints of one service of one cluster: from its EndpointSlices, or from the Pods that it selects when it has none, and
// from the WorkloadEntries that it selects. In: the service and the cluster's index. Out: sorted endpoints.

import type { NetworkLookup } from '../convert/network-lookup.ts';
import type { ServiceDeclaration } from '../convert/service.ts';
import type { SliceDeclaration, SliceEndpoint } from '../convert/endpoint-slice.ts';
import { label } from '../convert/well-known.ts';
import type { WorkloadDeclaration } from '../convert/workload-declaration.ts';
import type { ClusterMode } from '../model/cluster-snapshot.ts';
import type { Endpoint, EndpointHealth, TlsMode } from '../model/endpoint.ts';
import { unknownLocality, type Locality } from '../model/locality.ts';
import type { ClusterId } from '../model/names.ts';
import { compareText } from '../model/network-gateway.ts';
import type { ClusterIndex } from './cluster-index.ts';
import { localName } from './local-name.ts';

export interface EndpointContext {
  readonly clusterId: ClusterId;
  readonly mode: ClusterMode;
  readonly index: ClusterIndex;
  readonly networks: NetworkLookup;
}

export function buildEndpoints(declaration: ServiceDeclaration, context: EndpointContext): readonly Endpoint[] {
  const { service } = declaration;
  const { index } = context;
  const slices = index.slices.of(localName(service.namespace, service.name));
  const selected = service.selector === undefined ? [] : index.workloads.selected(service.namespace, service.selector);
  const found: Endpoint[] = [];
  for (const slice of slices) {
    const ports = index.portNumbers.share(slicePorts(declaration, slice));
    for (const entry of slice.endpoints) found.push(sliceEndpoint(slice, entry, ports, context));
  }
  for (const workload of selected) {
    if (workload.ended || (workload.kind === 'pod' && slices.length > 0)) continue;
    for (const address of workload.addresses) found.push(workloadEndpoint(declaration, workload, address, context));
  }
  return unite(found);
}

/** A port may be named like a property that every record inherits (`constructor`). */
function own<T>(record: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}

/** The slice's ports that the service declares. Slices and services match by the name of the port. */
function slicePorts({ service }: ServiceDeclaration, slice: SliceDeclaration): Readonly<Record<string, number>> {
  const ports: Record<string, number> = {};
  for (const { name } of service.ports) {
    const number = own(slice.ports, name);
    if (number !== undefined) ports[name] = number;
  }
  return ports;
}

function sliceEndpoint(
  slice: SliceDeclaration,
  entry: SliceEndpoint,
  ports: Readonly<Record<string, number>>,
  context: EndpointContext,
): Endpoint {
  const { index } = context;
  const workload =
    entry.podName === undefined
      ? index.workloads.at(entry.address)
      : index.workloads.pod(slice.namespace, entry.podName);
  const nodeName = entry.nodeName ?? workload?.nodeName;
  const name = entry.podName ?? '';
  return {
    address: entry.address,
    ports,
    health: entry.health,
    ...placed(entry.address, workload, nodeName, entry.zone, context),
    workload: workload?.identity ?? {
      name,
      namespace: slice.namespace,
      serviceAccount: '',
      canonicalName: name,
      canonicalRevision: 'latest',
    },
    tlsMode: workload?.tlsMode ?? slice.tlsMode ?? unknownPodTlsMode(slice, entry, context),
    weight: workload?.weight ?? 1,
    ...(entry.hostname === undefined ? {} : { hostname: entry.hostname }),
  };
}

/**
 * A remote may be read without a right to its Pods. What is known of one is then that it is in a namespace whose Pods are
 * injected, or not.
 */
function unknownPodTlsMode(slice: SliceDeclaration, { podName }: SliceEndpoint, context: EndpointContext): TlsMode {
  const isInMesh = context.mode === 'discovery-only' && podName !== undefined;
  return isInMesh && context.index.injectedNamespaces.has(slice.namespace) ? 'istio' : 'disabled';
}

function workloadEndpoint(
  declaration: ServiceDeclaration,
  workload: WorkloadDeclaration,
  address: string,
  context: EndpointContext,
): Endpoint {
  const { service } = declaration;
  const isPeer = workload.subdomain === service.name && workload.hostname !== undefined;
  return {
    address,
    ports: context.index.portNumbers.share(workloadPorts(declaration, workload)),
    health: service.publishNotReadyAddresses && !workload.deleting ? 'healthy' : workload.health,
    ...placed(address, workload, workload.nodeName, undefined, context),
    workload: workload.identity,
    tlsMode: workload.tlsMode,
    weight: workload.weight,
    ...(isPeer ? { hostname: workload.hostname } : {}),
  };
}

function workloadPorts(
  declaration: ServiceDeclaration,
  workload: WorkloadDeclaration,
): Readonly<Record<string, number>> {
  const ports: Record<string, number> = {};
  for (const { name, port, targetPort } of declaration.service.ports) {
    const target = own(declaration.namedTargets, name);
    const listed = workload.kind === 'workload-entry' ? own(workload.namedPorts, name) : undefined;
    const named = target === undefined ? undefined : own(workload.namedPorts, target);
    // A WorkloadEntry that does not list a named target serves the Service's own port number; a Pod does not serve it.
    const fallback = target === undefined ? (targetPort ?? port) : workload.kind === 'pod' ? undefined : port;
    const number = listed ?? named ?? fallback;
    if (number !== undefined) ports[name] = number;
  }
  return ports;
}

/** Where an endpoint is, and its labels with that added as Istio adds it. */
export function placed(
  address: string,
  workload: WorkloadDeclaration | undefined,
  nodeName: string | undefined,
  zone: string | undefined,
  context: EndpointContext,
): Pick<Endpoint, 'clusterId' | 'network' | 'locality' | 'labels'> {
  const node = nodeName === undefined ? undefined : context.index.nodes.get(nodeName);
  const ofNode = node?.locality ?? unknownLocality;
  const known = ofNode.zone === '' && zone !== undefined ? { ...ofNode, zone } : ofNode;
  const locality: Locality = workload?.locality ?? known;
  const network = context.networks.networkOf(address, workload?.network);
  const labels: Record<string, string> = { ...workload?.labels };
  const add = (name: string, value: string | undefined): void => {
    if (value !== undefined && value !== '') labels[name] = value;
  };
  add(label.region, locality.region);
  add(label.zone, locality.zone);
  add(label.subzone, locality.subzone);
  // No proxy that this instance serves is on a node of another cluster.
  if (context.mode === 'primary') add(label.hostname, nodeName);
  add(label.cluster, context.clusterId);
  add(label.network, network);
  return { clusterId: context.clusterId, network, locality, labels: context.index.labels.share(labels) };
}

const healthOrder: Readonly<Record<EndpointHealth, number>> = { healthy: 0, draining: 1, unhealthy: 2 };

/**
 * One endpoint an address: while slices are rewritten an endpoint may be in two of them, and services with several sets of
 * ports have a slice for each. The best health counts. Ports that contradict each other stay apart.
 */
function unite(found: readonly Endpoint[]): readonly Endpoint[] {
  const byAddress = new Map<string, Endpoint[]>();
  for (const endpoint of found) {
    const same = byAddress.get(endpoint.address) ?? [];
    byAddress.set(endpoint.address, same);
    const at = same.findIndex((other) => portsAgree(other.ports, endpoint.ports));
    const other = same[at];
    if (other === undefined) same.push(endpoint);
    else {
      const [best, rest] =
        healthOrder[other.health] <= healthOrder[endpoint.health] ? [other, endpoint] : [endpoint, other];
      same[at] = { ...best, ports: { ...rest.ports, ...best.ports } };
    }
  }
  return [...byAddress.values()].flat().toSorted(compareEndpoints);
}

function portsAgree(a: Readonly<Record<string, number>>, b: Readonly<Record<string, number>>): boolean {
  return Object.keys(a).every((name) => !Object.hasOwn(b, name) || b[name] === a[name]);
}

/** By address, then by ports. */
export function compareEndpoints(a: Endpoint, b: Endpoint): number {
  return compareText(a.address, b.address) || compareText(portsText(a), portsText(b));
}

function portsText({ ports }: Endpoint): string {
  return Object.entries(ports)
    .toSorted(([a], [b]) => compareText(a, b))
    .map(([name, port]) => `${name}=${port}`)
    .join();
}
