// Writes each finding about a cluster's objects to the log once, when it appears, and once when it is gone.

import type { ClusterStatus } from '../discovery/model/cluster-snapshot.ts';
import type { ClusterId } from '../discovery/model/names.ts';
import type { Problem } from '../discovery/model/problem.ts';
import type { Log } from './log.ts';

export class ProblemLog {
  readonly #log: Log;
  readonly #known = new Map<ClusterId, ReadonlyMap<string, Problem>>();
  readonly #lists = new Map<ClusterId, readonly Problem[]>();

  constructor(log: Log) {
    this.#log = log;
  }

  /** Compares a cluster's findings with those of the last call. */
  update({ clusterId, problems }: Pick<ClusterStatus, 'clusterId' | 'problems'>): void {
    if (this.#lists.get(clusterId) === problems) return;
    this.#lists.set(clusterId, problems);
    const before = this.#known.get(clusterId) ?? new Map<string, Problem>();
    const now = byIdentity(problems);
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

/** Lines shift with every edit and are no part of a finding's identity; of several equal ones each is the first, second, … */
function byIdentity(problems: readonly Problem[]): ReadonlyMap<string, Problem> {
  const found = new Map<string, Problem>();
  const counts = new Map<string, number>();
  for (const problem of problems) {
    const identity = identityOf(problem);
    const count = counts.get(identity) ?? 0;
    counts.set(identity, count + 1);
    found.set(`${identity} ${count}`, problem);
  }
  return found;
}

function identityOf({ code, object, field, origin, message }: Problem): string {
  return JSON.stringify([code, object, field, origin?.place, message]);
}

function fieldsOf({ code, object, field, origin }: Problem): object {
  return { code, object, field, file: origin?.place, line: origin?.line };
}
