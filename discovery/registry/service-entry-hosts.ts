// A host as a ServiceEntry declares it. In: the declaration and the cluster's index. Out: the host as a service, and its endpoints: those
// that are listed, those of selected workloads, or for a host that is looked up the host itself.

import { isIP } from 'node:net';
import type { ServiceEntryDeclaration } from '../convert/service-entry.ts';
import { label } from '../convert/well-known.ts';
import { canonicalService, type WorkloadDeclaration } from '../convert/workload-declaration.ts';
import type { WorkloadFields } from '../convert/workload-fields.ts';
import type { Endpoint } from '../model/endpoint.ts';
import { unknownLocality } from '../model/locality.ts';
import { networkId, type ClusterId, type Hostname } from '../model/names.ts';
import type { ServiceEntryHost } from '../model/service-entry-host.ts';
import type { ClusterService } from '../model/service.ts';
import { compareEndpoints, placed, type EndpointContext } from './build-endpoints.ts';

export function serviceEntryHost(
  declaration: ServiceEntryDeclaration,
  host: Hostname,
  context: EndpointContext,
): ServiceEntryHost {
  const { origin } = declaration;
  return {
    service: serviceOf(declaration, host, context.clusterId),
    endpoints: endpointsOf(declaration, host, context).toSorted(compareEndpoints),
    ...(origin === undefined ? {} : { origin }),
  };
}

function serviceOf(declaration: ServiceEntryDeclaration, host: Hostname, clusterId: ClusterId): ClusterService {
  const { key, namespace, addresses, ranges, ports, labels, exportTo, createdAtMs } = declaration;
  const { resolution, isExternal, subjectAltNames } = declaration;
  return {
    host,
    name: host,
    namespace,
    clusterId,
    kind: 'cluster-ip',
    addresses,
    ports,
    labels,
    exportTo,
    publishNotReadyAddresses: false,
    createdAtMs,
    entry: { source: key, resolution, isExternal, ranges, subjectAltNames },
  };
}

const itself: Omit<WorkloadFields, 'hostName'> = Object.freeze({
  address: undefined,
  ports: {},
  labels: {},
  network: undefined,
  locality: undefined,
  weight: 1,
  serviceAccount: '',
  tlsMode: 'disabled',
});

function endpointsOf(
  declaration: ServiceEntryDeclaration,
  host: Hostname,
  context: EndpointContext,
): readonly Endpoint[] {
  const { namespace, selector, resolution, endpoints } = declaration;
  const isDns = resolution === 'dns' || resolution === 'dns-round-robin';
  if (resolution === 'none') return [];
  if (selector !== undefined) {
    return context.index.workloads
      .selected(namespace, selector)
      .flatMap((workload) => selectedEndpoints(declaration, workload, isDns, context));
  }
  const listed = isDns && endpoints.length === 0 ? [{ ...itself, hostName: host }] : endpoints;
  return listed.flatMap((fields) => listedEndpoint(declaration, fields, context));
}

function listedEndpoint(
  declaration: ServiceEntryDeclaration,
  fields: WorkloadFields,
  context: EndpointContext,
): Endpoint[] {
  const address = fields.address ?? fields.hostName;
  if (address === undefined) return [];
  const { name, namespace, isExternal } = declaration;
  const { index, clusterId, networks } = context;
  const declared = fields.network ?? '';
  const network = declared === '' && isIP(address) !== 0 ? networks.blockOf(address) : networkId(declared);
  const labels = {
    ...fields.labels,
    [label.cluster]: clusterId,
    ...(declared === '' ? {} : { [label.network]: declared }),
  };
  const ports: Record<string, number> = {};
  for (const port of declaration.ports) ports[port.name] = fields.ports[port.name] ?? port.targetPort ?? port.port;
  return [
    {
      address,
      ports: index.portNumbers.share(ports),
      health: 'healthy',
      clusterId,
      network: network ?? networkId(''),
      ...(network === undefined || network === '' ? { anyNetwork: true } : {}),
      locality: fields.locality ?? unknownLocality,
      labels: index.labels.share(labels),
      workload: { name, namespace, serviceAccount: fields.serviceAccount, ...canonicalService(fields.labels, name) },
      tlsMode: isExternal ? 'disabled' : fields.tlsMode,
      weight: fields.weight,
    },
  ];
}

/** What has a DNS name is left out where nobody looks it up. */
function selectedEndpoints(
  declaration: ServiceEntryDeclaration,
  workload: WorkloadDeclaration,
  isDns: boolean,
  context: EndpointContext,
): Endpoint[] {
  if (workload.ended) return [];
  const addresses = workload.dnsName !== undefined && isDns ? [workload.dnsName] : workload.addresses;
  const ports: Record<string, number> = {};
  for (const { name, port, targetPort } of declaration.ports) {
    const own = workload.kind === 'workload-entry' && Object.hasOwn(workload.namedPorts, name);
    ports[name] = (own ? workload.namedPorts[name] : undefined) ?? targetPort ?? port;
  }
  return addresses.map((address) => ({
    address,
    ports: context.index.portNumbers.share(ports),
    health: workload.health,
    ...placed(address, workload, workload.nodeName, undefined, context),
    workload: workload.identity,
    tlsMode: declaration.isExternal ? 'disabled' : workload.tlsMode,
    weight: workload.weight,
  }));
}
