// What an instance writes into its primary: done by the one replica that holds the Lease `isthmus-leader`. Each writer runs until
// its signal aborts.

import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import type { Log } from '../log.ts';
import { defaultLeaderTimings, LeaderElection, type LeaderTimings } from './leader-election.ts';
import type { PrimaryClient } from './primary-client.ts';
import { steadyClock } from './steady-clock.ts';

export type PrimaryWriter = (signal: AbortSignal) => Promise<void>;

export interface PrimaryWritersOptions {
  readonly client: PrimaryClient;
  readonly writers: readonly PrimaryWriter[];
  readonly log: Log;
  readonly timings?: LeaderTimings | undefined;
}

const leaseName = 'isthmus-leader';

/** A candidate for the Lease; nothing happens before `run`. */
export function primaryWriters({ client, writers, log, timings }: PrimaryWritersOptions): LeaderElection {
  return new LeaderElection({
    client,
    name: leaseName,
    // The pod's name, and what tells two processes with one name apart.
    holder: `${hostname()}_${String(process.pid)}_${randomBytes(4).toString('hex')}`,
    timings: timings ?? defaultLeaderTimings,
    clock: steadyClock,
    random: Math.random,
    log,
    work: (signal) => runAll(writers, signal),
  });
}

/** One that fails stops the others, so that the Lease can go to a replica where all of them work. */
async function runAll(writers: readonly PrimaryWriter[], signal: AbortSignal): Promise<void> {
  const stop = new AbortController();
  const onAbort = (): void => stop.abort();
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  const runs = await Promise.allSettled(
    writers.map(async (writer) => {
      try {
        await writer(stop.signal);
      } finally {
        stop.abort();
      }
    }),
  );
  signal.removeEventListener('abort', onAbort);
  for (const run of runs) if (run.status === 'rejected') throw run.reason;
}
