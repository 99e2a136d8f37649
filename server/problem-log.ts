// Writes each finding about a cluster's objects to the log once, when it appears, and once when it is gone.

import type { ClusterStatus } from '../discovery/model/cluster-snapshot.ts';
import type { ClusterId } from '../discovery/model/names.ts';
import type { Problem } from '../discovery/model/problem.ts';
import type { Log } from './log.ts';

export class ProblemLog {
  readonly #log: Log;
  readonly #known = new Map<ClusterId, ReadonlyMap<string, Problem>>();

  constructor(log: Log) {
    this.#log = log;
  }

  /** Compares a cluster's findings with those of the last call. */
  update({ clusterId, problems }: ClusterStatus): void {
    const before = this.#known.get(clusterId) ?? new Map<string, Problem>();
    const now = new Map(problems.map((problem) => [identityOf(problem), problem]));
    this.#known.set(clusterId, now);
    for (const [identity, problem] of now) {
      if (before.has(identity)) continue;
      const fields = { cluster: clusterId, ...fieldsOf(problem) };
      if (problem.severity === 'error') this.#log.error(fields, problem.message);
      else this.#log.warn(fields, problem.message);
    }
    for (const [identity, problem] of before) {
      if (!now.has(identity)) this.#log.info({ cluster: clusterId, ...fieldsOf(problem) }, 'the finding is resolved');
    }
  }
}

function identityOf({ code, object, field, origin, message }: Problem): string {
  return JSON.stringify([code, object, field, origin?.place, message]);
}

function fieldsOf({ code, object, field, origin }: Problem): object {
  return { code, object, field, file: origin?.place, line: origin?.line };
}
