// Why a host that the mesh has is not one for a workload. In: the service, the workload and its scope. Out: one sentence, which names the
// object that keeps it away.

import type { MeshSnapshot } from '../../discovery/model/mesh-snapshot.ts';
import type { ObjectKey } from '../../discovery/model/names.ts';
import type { MeshService } from '../../discovery/model/service.ts';
import type { Proxy } from '../proxy/proxy.ts';
import { imports, sidecarFor } from '../view/sidecar-scope.ts';
import { isVisible } from '../view/visibility.ts';

export interface Invisible {
  readonly mesh: MeshSnapshot;
  readonly proxy: Proxy;
  readonly service: MeshService;
}

export function invisibleBecause({ mesh, proxy, service }: Invisible): string {
  const { host, clusterLocal, clusters, namespace } = service;
  if (clusterLocal && !clusters.includes(proxy.clusterId)) {
    return `${host} is cluster-local and ${proxy.clusterId} has none; it exists in ${clusters.join(', ')}.`;
  }
  const declared = service.exportTo.length > 0;
  const exportTo = declared ? service.exportTo : mesh.config.defaultExportTo.services;
  if (!isVisible(exportTo, namespace, proxy.namespace)) {
    const by = declared ? '' : ' (MeshConfig defaultServiceExportTo)';
    return `${host} is exported to ${exportTo.join(', ')}${by}, which leaves out namespace ${proxy.namespace}.`;
  }
  const sidecar = proxy.type === 'router' ? undefined : sidecarFor(proxy, mesh.policies, mesh.config.rootNamespace);
  const listeners = sidecar?.egress;
  if (sidecar === undefined || listeners === undefined)
    return `${host} is not visible in namespace ${proxy.namespace}.`;
  const egress = listeners.some((listener) => imports(listener, { host, namespace }, proxy.namespace))
    ? `has no egress listener for the ports of ${host}`
    : `lists ${hostsText(listeners)} as egress hosts, which leave out ${namespace}/${host}`;
  return `${sidecar.source} holds for this workload and ${egress}; add it there.`;
}

/** The Sidecar that limits what a workload knows; undefined: none does. */
export function limitingSidecar({ mesh, proxy }: Pick<Invisible, 'mesh' | 'proxy'>): ObjectKey | undefined {
  if (proxy.type === 'router') return undefined;
  const sidecar = sidecarFor(proxy, mesh.policies, mesh.config.rootNamespace);
  return sidecar?.egress === undefined && sidecar?.outboundTrafficPolicy === undefined ? undefined : sidecar.source;
}

const maxHosts = 5;

function hostsText(
  listeners: readonly { readonly hosts: readonly { readonly namespace: string; readonly host: string }[] }[],
): string {
  const all = listeners.flatMap(({ hosts }) => hosts.map(({ namespace, host }) => `${namespace}/${host}`));
  return `${all.slice(0, maxHosts).join(', ')}${all.length > maxHosts ? ', …' : ''}`;
}
