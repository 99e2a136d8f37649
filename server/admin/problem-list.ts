// `/api/v1/problems`: every finding with the cluster whose objects it is about. In: statuses of clusters. Out: one flat list.

import type { ClusterStatus } from '../../discovery/model/cluster-snapshot.ts';
import type { ClusterId } from '../../discovery/model/names.ts';
import type { Problem } from '../../discovery/model/problem.ts';

export interface ListedProblem extends Problem {
  readonly cluster: ClusterId;
}

/** Errors first; otherwise in the order of the clusters and of their findings. */
export function problemList(clusters: readonly ClusterStatus[]): readonly ListedProblem[] {
  const all = clusters.flatMap(({ clusterId: cluster, problems }) =>
    problems.map((problem): ListedProblem => ({ cluster, ...problem })),
  );
  return all.toSorted((a, b) => Number(b.severity === 'error') - Number(a.severity === 'error'));
}
