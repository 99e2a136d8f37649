// `isthmus clusters`: the Kubernetes clusters that an instance reads, how far it is with each, and what is wrong in them.

import type { Command } from 'commander';
import type { ClusterStatus } from '../../discovery/model/cluster-snapshot.ts';
import type { Problem } from '../../discovery/model/problem.ts';
import { asJson, readInstance, readingCommand, runReading, type ReadingOptions } from './read-instance.ts';
import { findingText } from '../admin/finding-text.ts';
import { age, printable, table } from '../admin/text-table.ts';

export function clustersCommand(): Command {
  return readingCommand('clusters', 'Show the clusters of an instance: mode, phase, sizes, problems.').action(
    (options: ReadingOptions) =>
      runReading(async () => {
        const clusters = await readInstance<readonly ClusterStatus[]>(options.http, '/api/v1/clusters');
        const text = options.output === 'json' ? asJson(clusters) : renderClusters(clusters, Date.now());
        return { text, exitCode: 0 };
      }),
  );
}

/** A table, then one line for each error, condition and finding. */
export function renderClusters(clusters: readonly ClusterStatus[], nowMs: number): string {
  if (clusters.length === 0) return 'The instance reads no cluster yet.';
  const rows = clusters.map((cluster) => [
    cluster.clusterId,
    cluster.network === '' ? '-' : cluster.network,
    cluster.mode,
    cluster.phase,
    age(cluster.lastEventAt, nowMs),
    String(cluster.services),
    String(cluster.endpoints),
    String(cluster.problems.length),
  ]);
  const header = ['CLUSTER', 'NETWORK', 'MODE', 'PHASE', 'LAST EVENT', 'SERVICES', 'ENDPOINTS', 'PROBLEMS'];
  return [table(header, rows), ...clusters.flatMap((cluster) => remarks(cluster, nowMs))].join('\n');
}

function remarks(cluster: ClusterStatus, nowMs: number): readonly string[] {
  const lines: string[] = [];
  if (cluster.secretName !== undefined) lines.push(`declared by the Secret ${cluster.secretName}`);
  if (cluster.staleSince !== undefined) lines.push(`unreachable for ${age(cluster.staleSince, nowMs)}`);
  const { error } = cluster;
  // It sums up the findings, which come below, unless it is about something else.
  if (error !== undefined && !cluster.problems.some(({ message }) => error.includes(message))) lines.push(error);
  for (const condition of cluster.conditions) lines.push(`${condition.name}: ${condition.message}`);
  for (const problem of cluster.problems) lines.push(problemLine(problem));
  return lines.map((line) => printable(`${cluster.clusterId}: ${line}`));
}

/** `error PLACE:LINE: OBJECT FIELD: message [code]`. */
export function problemLine(problem: Problem): string {
  const { origin } = problem;
  const line = origin?.line === undefined ? '' : `:${String(origin.line)}`;
  const place = origin === undefined ? '' : `${origin.place}${line}: `;
  return `${problem.severity} ${place}${findingText(problem)}`;
}
