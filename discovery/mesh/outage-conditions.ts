// Named conditions of a cluster's status while a part of it is out: its API server for too long, or gateways of it.

import type { ClusterStatus } from '../model/cluster-snapshot.ts';
import type { MeshSnapshot } from '../model/mesh-snapshot.ts';
import type { ClusterId } from '../model/names.ts';

export function outageConditions(clusterId: ClusterId, mesh: MeshSnapshot): ClusterStatus['conditions'] {
  const conditions: { readonly name: string; readonly message: string }[] = [];
  if (mesh.degradedClusters.has(clusterId)) {
    const message =
      'not heard for longer than its stale rule allows: its endpoints are used only where no others are left (degrade)';
    conditions.push({ name: 'degraded', message });
  }
  if (mesh.droppedClusters.has(clusterId)) {
    const message =
      'not heard for longer than its stale rule allows: its endpoints are not used (drop); its services and gateways stay known';
    conditions.push({ name: 'dropped', message });
  }
  const dead = [...mesh.deadGateways.values()].flat().filter((gateway) => gateway.clusterId === clusterId);
  for (const { address, port, network } of dead) {
    const message = `the gateway ${address} port ${port} of ${network === '' ? 'the unnamed network' : network} does not answer any more and is not used`;
    conditions.push({ name: 'gateway-unreachable', message });
  }
  return conditions;
}
