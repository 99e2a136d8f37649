// The names that a sidecar's DNS proxy answers for, as Istio's agent reads them: services with their virtual IPs, which are
// allocated where only other clusters have the service, and headless services with their pods. A headless service without pods
// is left out: the resolver of the machine is asked for it.

import { isIPv4 } from 'node:net';
import type { Endpoint } from '../../discovery/model/endpoint.ts';
import type { Hostname } from '../../discovery/model/names.ts';
import { compareText } from '../../discovery/model/network-gateway.ts';
import type { MeshService, ServicePort } from '../../discovery/model/service.ts';
import type { NameTable, NameTable_NameInfo, NameTable_Port } from '../../proto/generated/istio.networking.nds.v1.ts';
import type { OutboundView } from '../view/outbound-view.ts';
import type { AddressFamilies } from '../view/scope.ts';

/** The agent answers for the short names too (`NAME`, `NAME.NAMESPACE`, `NAME.NAMESPACE.svc`) only with this registry. */
const registry = 'Kubernetes';

/** The part of the table that one host gives; undefined when none. Parts of all hosts together are the table. */
export function generateNames(view: OutboundView, host: Hostname): NameTable | undefined {
  const service = view.service(host);
  if (service === undefined) return undefined;
  const table = service.kind === 'headless' ? headlessNames(view, service) : serviceName(view, service);
  return Object.keys(table).length === 0 ? undefined : { table };
}

type Names = Readonly<Record<string, NameTable_NameInfo>>;

function serviceName(view: OutboundView, service: MeshService): Names {
  const { host, name, namespace } = service;
  const ips = ofFamilies(view.virtualAddresses(host), view.scope.families);
  if (ips.length === 0) return {};
  if (service.entry !== undefined) return { [host]: { ips, registry: 'External' } };
  const named = { ips, registry, shortname: name, namespace };
  const isElsewhere = !service.clusters.includes(view.scope.clusterId);
  return { [host]: isElsewhere ? { ...named, ports: service.ports.map(portOf) } : named };
}

function portOf({ name, port, protocol }: ServicePort): NameTable_Port {
  return { name, number: port, udp: protocol === 'udp' };
}

/** As Kubernetes has it: the service's name leads to all pods, `HOSTNAME.SERVICE` to the pods of that host name. */
function headlessNames(view: OutboundView, { host, name, namespace }: MeshService): Names {
  const endpoints = view.namedEndpoints(host);
  const addresses = addressesOf(endpoints, view.scope.families);
  if (addresses.length === 0) return {};
  const names: Record<string, NameTable_NameInfo> = {
    [host]: { ips: addresses, registry, shortname: name, namespace },
  };
  const pods = Map.groupBy(endpoints, ({ hostname }) => hostname ?? '');
  pods.delete('');
  for (const [hostname, all] of pods) {
    const own = all.filter(({ clusterId }) => clusterId === view.scope.clusterId);
    // Two clusters may each have a `web-0`: the name means that of the caller's cluster.
    const ips = addressesOf(own.length > 0 ? own : all, view.scope.families);
    if (ips.length === 0) continue;
    names[`${hostname}.${host}`] = { ips, registry, shortname: `${hostname}.${name}`, namespace };
  }
  return names;
}

function addressesOf(endpoints: readonly Endpoint[], families: AddressFamilies): readonly string[] {
  const addresses = new Set(endpoints.map(({ address }) => address));
  return ofFamilies([...addresses].toSorted(compareText), families);
}

function ofFamilies(addresses: readonly string[], families: AddressFamilies): readonly string[] {
  if (families === 'dual') return addresses;
  return addresses.filter((address) => isIPv4(address) === (families === 'ipv4'));
}
