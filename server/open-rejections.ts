// Wires what becomes of rejected versions: the streams that vote, the primary whose objects are taken back, and the counters.

import type { Registry } from 'prom-client';
import type { MeshStore } from '../discovery/mesh/mesh-store.ts';
import type { ClusterRegistry } from '../discovery/registry/cluster-registry.ts';
import type { ResourceCache } from './cache/resource-cache.ts';
import type { Started } from './lifecycle.ts';
import type { Log } from './log.ts';
import { guardsAccess } from './rejections/guards-access.ts';
import { RejectionMetrics } from './rejections/rejection-metrics.ts';
import { Rejections } from './rejections/rejections.ts';
import type { ConnectionSet } from './stream/connection-set.ts';

export interface OpenRejectionsOptions {
  readonly connections: ConnectionSet;
  readonly primary: ClusterRegistry;
  readonly store: MeshStore;
  readonly cache: ResourceCache;
  readonly registry: Registry;
  readonly log: Log;
  readonly started: Started;
}

export function openRejections(options: OpenRejectionsOptions): Rejections {
  const { connections, primary, store, cache, registry, log, started } = options;
  const metrics = new RejectionMetrics(registry, () => rejections.heldBack().size);
  const rejections: Rejections = new Rejections({
    voters: connections,
    primary,
    settle: () => store.flush(),
    causes: cache.causes,
    guards: (key) => guardsAccess(store.snapshot.policies.envoyFilters, key),
    metrics,
    log,
    now: () => performance.now(),
  });
  store.onChange(() => rejections.changed());
  started.add('rejections', () => rejections.close());
  return rejections;
}
