// Workers for tests: real processes, started once for a test file. A file that calls `serveByWorkers` runs the suites that it
// imports with them.

import { afterAll, beforeAll } from 'vitest';
import { systemClock } from '../../ca/clock.ts';
import { WorkerPool } from '../../server/workers/worker-pool.ts';
import { memoryLog, type LogLine } from './memory-log.ts';

export interface TestWorkers extends AsyncDisposable {
  readonly pool: WorkerPool;
  readonly lines: readonly LogLine[];
}

export async function startWorkers(count: number, lookMs?: number): Promise<TestWorkers> {
  const { log, lines } = memoryLog();
  const pool = new WorkerPool({ count, log, clock: systemClock, random: Math.random, lookMs });
  await pool.start(new AbortController().signal);
  return { pool, lines, [Symbol.asyncDispose]: () => pool.stop() };
}

const shared: { workers: TestWorkers | undefined } = { workers: undefined };

/** Call at the top of a test file. */
export function serveByWorkers(count: number): void {
  beforeAll(async () => {
    shared.workers = await startWorkers(count);
  });
  afterAll(async () => {
    await shared.workers?.[Symbol.asyncDispose]();
    shared.workers = undefined;
  });
}

/** Those of the test file; undefined for a file without any. */
export function testWorkers(): WorkerPool | undefined {
  return shared.workers?.pool;
}
