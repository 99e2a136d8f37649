// istiod's words for how far it is with a cluster, as `istioctl remote-clusters` and dashboards read them.

import type { ClusterPhase } from '../../discovery/model/cluster-snapshot.ts';

export type ClusterSyncStatus = 'synced' | 'syncing' | 'timeout' | 'closed';

const words: Readonly<Record<ClusterPhase, ClusterSyncStatus>> = {
  connecting: 'syncing',
  syncing: 'syncing',
  running: 'synced',
  stale: 'timeout',
  failed: 'closed',
};

/** The word for a phase. */
export function clusterSyncStatus(phase: ClusterPhase): ClusterSyncStatus {
  return words[phase];
}
