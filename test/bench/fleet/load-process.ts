// The load generator as a process of its own, so that its work is not counted as the server's. In: commands from the
// process that forked it. Out: one answer each.

import { setTimeout as delay } from 'node:timers/promises';
import { ChangeFollower, type FollowOptions, type Progress } from '../churn/change-follower.ts';
import { Fleet, monotonicMs, type FleetOptions, type Sighting } from './fleet.ts';
import type { Counts } from './sidecar.ts';
import { storm, type StormOutcome } from './storm.ts';

export interface LoadCommands {
  /** A new fleet; resolves when all are served, with the milliseconds each took. */
  connect: (options: FleetOptions) => Promise<readonly number[]>;
  /** All streams end and open again with what the sidecars hold. Resolves when `quietMs` passed without a response. */
  reconnect: (options: { readonly quietMs: number }) => Promise<Settled>;
  disconnect: () => Promise<void>;
  /** A crowd with what the fleet's first sidecar holds; resolves when all are served. */
  storm: (options: FleetOptions) => Promise<StormOutcome>;
  counts: () => Promise<Counts>;
  watch: (marker: string) => Promise<void>;
  seen: () => Promise<Sighting>;
  /** Numbered changes are looked for from now on. */
  follow: (options: FollowOptions) => Promise<void>;
  /** What has come of them since the last time. */
  followed: () => Promise<Progress>;
  /** Processor time of this process so far. */
  cpuMs: () => Promise<number>;
}

export interface Settled {
  /** From opening the streams to the last response; 0 when there was none. */
  readonly tookMs: number;
}

export interface LoadRequest {
  readonly id: number;
  readonly command: keyof LoadCommands;
  readonly argument: unknown;
}

export interface LoadAnswer {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: string;
}

let fleet: Fleet | undefined;

const commands: LoadCommands = {
  connect: (options) => {
    fleet?.close();
    fleet = new Fleet(options);
    return fleet.connect();
  },
  reconnect: async ({ quietMs }) => {
    const current = theFleet();
    current.close();
    await delay(500);
    const startMs = monotonicMs();
    current.reopen();
    do await delay(20);
    while (monotonicMs() - Math.max(startMs, current.lastResponseMs) < quietMs);
    return { tookMs: Math.max(0, current.lastResponseMs - startMs) };
  },
  disconnect: async () => fleet?.close(),
  storm: (options) => storm(options, theFleet().first),
  counts: async () => theFleet().counts,
  watch: async (marker) => theFleet().watch(marker),
  seen: () => theFleet().seen(),
  follow: async (options) => theFleet().follow(new ChangeFollower(options)),
  followed: async () => theFleet().followed(),
  cpuMs: async () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1000;
  },
};

process.on('message', ({ id, command, argument }: LoadRequest) => {
  const run = commands[command] as (argument: unknown) => Promise<unknown>;
  run(argument).then(
    (value) => process.send?.({ id, value } satisfies LoadAnswer),
    (error: unknown) => process.send?.({ id, error: String(error) } satisfies LoadAnswer),
  );
});
process.on('disconnect', () => process.exit(0));

function theFleet(): Fleet {
  if (fleet === undefined) throw new Error('nothing is connected');
  return fleet;
}
