// Completes a proxy with what the mesh knows of the workload that has its address: what a node leaves out is looked up,
// what it says is believed.

import type { MeshSnapshot } from '../../discovery/model/mesh-snapshot.ts';
import type { Workload } from '../../discovery/model/workload.ts';
import type { Proxy } from './proxy.ts';

/** The same proxy when no workload of the primary has one of its addresses, or when nothing is missing. */
export function locateProxy(proxy: Proxy, mesh: MeshSnapshot): Proxy {
  if (proxy.clusterId !== mesh.primary) return proxy;
  const workload = workloadAt(proxy, mesh);
  if (workload === undefined) return proxy;
  const labels = Object.keys(proxy.labels).length === 0 ? workload.labels : proxy.labels;
  const locality = proxy.locality.region === '' ? workload.locality : proxy.locality;
  const network = proxy.network === '' ? workload.network : proxy.network;
  const serviceAccount = proxy.serviceAccount === '' ? workload.identity.serviceAccount : proxy.serviceAccount;
  const unchanged =
    labels === proxy.labels &&
    locality === proxy.locality &&
    network === proxy.network &&
    serviceAccount === proxy.serviceAccount;
  return unchanged ? proxy : { ...proxy, labels, locality, network, serviceAccount };
}

function workloadAt(proxy: Proxy, mesh: MeshSnapshot): Workload | undefined {
  for (const address of proxy.addresses) {
    const workload = mesh.workloads.get(address);
    if (workload?.identity.namespace === proxy.namespace) return workload;
  }
  return undefined;
}
