// The processes that serve connections, when the options ask for any.

import type { Registry } from 'prom-client';
import { systemClock } from '../ca/clock.ts';
import type { ServeConfig } from './config.ts';
import type { Started } from './lifecycle.ts';
import type { Log } from './log.ts';
import { addWorkerMetrics } from './workers/worker-metrics.ts';
import { WorkerPool } from './workers/worker-pool.ts';

/** Resolves when all of them serve, or the signal aborts. Undefined: this process serves connections itself. */
export async function openWorkers(options: {
  readonly config: Pick<ServeConfig, 'workers'>;
  readonly log: Log;
  readonly registry: Registry;
  readonly started: Started;
  /** Aborts when the instance is told to stop. */
  readonly signal: AbortSignal;
}): Promise<WorkerPool | undefined> {
  const { config, log, registry, started, signal } = options;
  if (config.workers === 0) return undefined;
  const workers = new WorkerPool({ count: config.workers, log, clock: systemClock, random: Math.random });
  started.add('workers', () => workers.stop());
  addWorkerMetrics(registry, workers);
  await workers.start(signal);
  return workers;
}
