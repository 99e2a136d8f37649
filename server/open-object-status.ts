// The statuses of the primary's objects, wired: what is heard of objects, and the writer that runs while this replica leads. There is
// none where the primary is a directory, or where --object-status turns it off; never one for a remote.

import type { Registry } from 'prom-client';
import type { ClusterRegistry } from '../discovery/registry/cluster-registry.ts';
import type { Problem } from '../discovery/model/problem.ts';
import type { ServeConfig } from './config.ts';
import type { PrimaryClient } from './kube/primary-client.ts';
import type { PrimaryWriter } from './kube/primary-writers.ts';
import { steadyClock } from './kube/steady-clock.ts';
import type { Log } from './log.ts';
import type { MeshFindings } from './mesh-findings.ts';
import { ObjectStates } from './object-status/object-states.ts';
import { StatusMetrics } from './object-status/status-metrics.ts';
import { writeStatuses } from './object-status/status-writer.ts';
import type { Readiness } from './readiness.ts';
import type { RemoteClusters } from './remote-clusters.ts';

/** Undefined where nothing is written. On the clock of the findings between objects. */
export function openObjectStates(
  { objectStatus }: Pick<ServeConfig, 'objectStatus'>,
  client: PrimaryClient | undefined,
): ObjectStates | undefined {
  return client === undefined || !objectStatus ? undefined : new ObjectStates(() => performance.now());
}

export interface StatusParts {
  readonly states: ObjectStates | undefined;
  readonly client: PrimaryClient;
  readonly primary: ClusterRegistry;
  readonly remotes: RemoteClusters;
  readonly readiness: Readiness;
  readonly findings: MeshFindings;
  /** Findings that are not of the primary's registry. */
  readonly problems: () => readonly Problem[];
  readonly registry: Registry;
  readonly log: Log;
}

/** What the leading replica does; nothing without states. */
export function statusWriters({ states, client, registry, log, ...parts }: StatusParts): readonly PrimaryWriter[] {
  if (states === undefined) return [];
  const { primary, remotes, readiness, findings } = parts;
  const metrics = new StatusMetrics(registry);
  return [
    (signal) =>
      writeStatuses(
        {
          client,
          states,
          problems: () =>
            primary.synced && readiness.serving() ? [...primary.findings, ...parts.problems()] : undefined,
          complete: () => [...remotes.registries()].every(({ known }) => known),
          covers: (seenAtMs) => findings.covers(seenAtMs),
          clock: steadyClock,
          time: Date.now,
          random: Math.random,
          metrics,
          log,
        },
        signal,
      ),
  ];
}
