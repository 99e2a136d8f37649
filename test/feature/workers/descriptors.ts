// A program: its first worker can't be started for lack of file descriptors, and there are some again later. Says how it went.

import { closeSync, openSync } from 'node:fs';
import { systemClock } from '../../../ca/clock.ts';
import { WorkerPool } from '../../../server/workers/worker-pool.ts';

const taken: number[] = [];
const ignore = (): void => undefined;
const error = (): void => {
  for (const descriptor of taken.splice(0)) closeSync(descriptor);
};
const log = { debug: ignore, info: ignore, warn: ignore, error };
const pool = new WorkerPool({ count: 1, log, clock: systemClock, random: Math.random });
try {
  for (;;) taken.push(openSync('/dev/null', 'r'));
} catch {
  // All are taken.
}
await pool.start(new AbortController().signal);
process.stdout.write(`serves: ${pool.ready}\n`);
await pool.stop();
