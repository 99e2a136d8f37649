// Which remote clusters were not heard for longer than their rule allows. In: the clusters' freshness. Out: who is degraded and
// who is dropped at this moment; a timer calls when that changes next. The primary is never either: it has no substitute.

import type { ClusterMode } from '../model/cluster-snapshot.ts';
import type { MeshSnapshot } from '../model/mesh-snapshot.ts';
import type { ClusterId } from '../model/names.ts';
import type { StaleRule } from '../model/stale-rule.ts';

export interface StaleTimer {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Calls once after a time; returns what prevents it. */
  after(ms: number, run: () => void): () => void;
}

export const systemStaleTimer: StaleTimer = Object.freeze({
  now: () => Date.now(),
  after: (ms: number, run: () => void) => {
    const timer = setTimeout(run, ms).unref();
    return () => clearTimeout(timer);
  },
});

/** What matters here of a cluster. */
export interface AgingCluster {
  readonly clusterId: ClusterId;
  readonly mode: ClusterMode;
  readonly staleSinceMs?: number | undefined;
  readonly staleRule?: StaleRule | undefined;
}

export type StaleStates = Pick<MeshSnapshot, 'degradedClusters' | 'droppedClusters'>;

export interface StaleClustersOptions {
  readonly rule: StaleRule;
  readonly timer: StaleTimer;
  /** The answer of `assess` is another one now. */
  readonly onDue: () => void;
}

/** A timer of Node can't wait longer. */
const maxTimerMs = 2 ** 31 - 1;

export class StaleClusters {
  readonly #options: StaleClustersOptions;
  #cancel: (() => void) | undefined;

  constructor(options: StaleClustersOptions) {
    this.#options = options;
  }

  /** A set that equals the one in `before` is that one. */
  assess(clusters: readonly AgingCluster[], before: StaleStates): StaleStates {
    const { timer, rule: common } = this.#options;
    const degraded = new Set<ClusterId>();
    const dropped = new Set<ClusterId>();
    let nextMs = Infinity;
    for (const { clusterId, mode, staleSinceMs, staleRule } of clusters) {
      const { policy, afterMs } = staleRule ?? common;
      if (mode === 'primary' || staleSinceMs === undefined || policy === 'keep') continue;
      const leftMs = staleSinceMs + afterMs - timer.now();
      if (leftMs > 0) nextMs = Math.min(nextMs, leftMs);
      else (policy === 'drop' ? dropped : degraded).add(clusterId);
    }
    this.#wait(nextMs);
    return {
      degradedClusters: keepEqual(before.degradedClusters, degraded),
      droppedClusters: keepEqual(before.droppedClusters, dropped),
    };
  }

  close(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #wait(ms: number): void {
    this.close();
    if (ms !== Infinity) this.#cancel = this.#options.timer.after(Math.min(ms, maxTimerMs), this.#options.onDue);
  }
}

function keepEqual(before: ReadonlySet<ClusterId>, now: ReadonlySet<ClusterId>): ReadonlySet<ClusterId> {
  return before.symmetricDifference(now).size === 0 ? before : now;
}
