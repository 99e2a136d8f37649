// Changes of endpoints in a steady rhythm, each of which goes to all proxies of another process and is timed.

import { setTimeout as delay } from 'node:timers/promises';
import { monotonicMs } from '../fleet/fleet.ts';
import type { Load } from '../fleet/load.ts';
import { sliceObject } from '../manifests.ts';
import type { PushInstance } from '../pushes/instance.ts';

export interface Pushing {
  readonly instance: PushInstance;
  /** With its proxies connected. */
  readonly load: Load;
  readonly services: number;
  readonly endpoints: number;
}

export interface Rhythm {
  readonly changes: number;
  /** From one change to the next; a change that isn't everywhere by then delays the next one. */
  readonly everyMs: number;
  /** Of the first change. Addresses are made of it: no number comes twice. */
  readonly from: number;
}

/** Resolves with the milliseconds from each change until the last proxy had it. */
export async function pushChanges(pushing: Pushing, { changes, everyMs, from }: Rhythm): Promise<readonly number[]> {
  const { instance, load, services, endpoints } = pushing;
  const startMs = monotonicMs();
  const lastMs: number[] = [];
  for (let nth = 0; nth < changes; nth += 1) {
    await delay(Math.max(0, startMs + nth * everyMs - monotonicMs()));
    const number = from + nth;
    const address = `198.51.${100 + Math.floor(number / 250)}.${(number % 250) + 1}`;
    await load.call('watch', address);
    const seen = load.call('seen');
    const writtenMs = monotonicMs();
    instance.write(sliceObject(number % services, endpoints, [address]));
    lastMs.push((await seen).lastMs - writtenMs);
  }
  return lastMs;
}
