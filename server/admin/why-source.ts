// Finds the workload that `why` is asked about: a connected proxy, else a workload of the primary as its proxy would be.

import type { MeshSnapshot } from '../../discovery/model/mesh-snapshot.ts';
import { compareText } from '../../discovery/model/network-gateway.ts';
import type { Workload } from '../../discovery/model/workload.ts';
import type { Proxy } from '../proxy/proxy.ts';
import { labelsMatch } from '../view/visibility.ts';
import type { InstanceReader } from './instance-reader.ts';

export interface WhyAsker {
  readonly proxy: Proxy;
  readonly connected: boolean;
}

/**
 * Looks `NAME.NAMESPACE` (or a node id) up: the connected proxy of that name, then one of a workload's replicas
 * (`sleep.default` finds the pod `sleep-7d9f…`), then a workload that is not connected, by the same rules. Undefined when
 * there is none.
 */
export function findSource(
  reader: Pick<InstanceReader, 'proxy' | 'proxies' | 'mesh'>,
  name: string,
): WhyAsker | undefined {
  const exact = reader.proxy(name);
  if (exact !== undefined) return { proxy: exact, connected: true };
  const split = name.lastIndexOf('.');
  if (split < 1) return undefined;
  const workloadName = name.slice(0, split);
  const namespace = name.slice(split + 1);
  const replica = reader
    .proxies()
    .find((status) => status.proxy.startsWith(`${workloadName}-`) && status.proxy.endsWith(`.${namespace}`));
  const connected = replica === undefined ? undefined : reader.proxy(replica.proxy);
  if (connected !== undefined) return { proxy: connected, connected: true };
  const mesh = reader.mesh();
  const workload = findWorkload(mesh, workloadName, namespace);
  return workload === undefined ? undefined : { proxy: supposedProxy(workload, mesh), connected: false };
}

function findWorkload(mesh: MeshSnapshot, name: string, namespace: string): Workload | undefined {
  const ofNamespace = [...mesh.workloads.values()]
    .filter(({ identity }) => identity.namespace === namespace)
    .toSorted((a, b) => compareText(a.identity.name, b.identity.name));
  return (
    ofNamespace.find(({ identity }) => identity.name === name) ??
    ofNamespace.find(({ identity }) => identity.name.startsWith(`${name}-`))
  );
}

function supposedProxy(workload: Workload, mesh: MeshSnapshot): Proxy {
  const { identity, addresses, labels, locality, network } = workload;
  // The Gateways that select it make it one.
  const isGateway = mesh.policies.gateways.some(
    ({ selector }) => Object.keys(selector).length > 0 && labelsMatch(selector, labels),
  );
  const type = isGateway ? 'router' : 'sidecar';
  const dnsDomain = `${identity.namespace}.svc.${mesh.config.domain}`;
  return {
    nodeId: `${type}~${addresses[0] ?? ''}~${identity.name}.${identity.namespace}~${dnsDomain}`,
    type,
    addresses,
    name: identity.name,
    namespace: identity.namespace,
    dnsDomain,
    clusterId: mesh.primary,
    network,
    locality,
    labels,
    serviceAccount: identity.serviceAccount,
    requestedNetworks: [],
    capabilities: { istioFilters: false, virtualHostDiscovery: true },
    istioVersion: '',
  };
}
