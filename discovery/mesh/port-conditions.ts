// The named condition of a cluster's status when services that it shares with other clusters have other ports here than there.
// In: what differs, by host. Out: one condition that names a few, or none.

import type { ClusterStatus } from '../model/cluster-snapshot.ts';
import type { ClusterId, Hostname } from '../model/names.ts';
import { compareText } from '../model/network-gateway.ts';
import type { PortConflict } from '../model/service.ts';

const namedAtMost = 5;

export function portConditions(
  clusterId: ClusterId,
  conflicts: ReadonlyMap<Hostname, readonly PortConflict[]>,
): ClusterStatus['conditions'] {
  const differing = [...conflicts].filter(([, of]) => of.some((conflict) => conflict.clusterId === clusterId));
  if (differing.length === 0) return [];
  const hosts = differing.map(([host]) => host).toSorted(compareText);
  const rest = hosts.length > namedAtMost ? ` and ${hosts.length - namedAtMost} more` : '';
  const message =
    `services with other ports here than in other clusters: ${hosts.slice(0, namedAtMost).join(', ')}${rest}; each port is ` +
    `served by the clusters that have it: give the Services the same ports, or see \`isthmus why\``;
  return [{ name: 'ports-differ', message }];
}
