// How the process grows with the proxies that are connected over TLS. In: a registry that holds a mesh. Out: resident and
// live bytes at each number of proxies, from which follow what is fixed and what one more proxy costs.

import { setTimeout as delay } from 'node:timers/promises';
import type { Allocator } from '../image-allocator.ts';
import { Load } from '../fleet/load.ts';
import type { Inspector, Memory } from '../inspector.ts';
import { namespace } from '../manifests.ts';
import type { BenchRegistry } from '../registry.ts';
import { clusterId, network, startServer } from '../server-under-test.ts';

export interface GrowthFigures {
  /** At 0 proxies and each number after it, upwards. */
  readonly points: readonly GrowthPoint[];
}

export interface GrowthPoint extends Memory {
  readonly proxies: number;
}

const settlingMs = 1500;

/** Connects more and more proxies to a new server, those that are connected stay. `steps`: how many are connected then, upwards. */
export async function measureGrowth(
  registry: BenchRegistry,
  {
    steps,
    transport,
    workers,
    allocator,
  }: {
    readonly steps: readonly number[];
    readonly transport: 'plaintext' | 'tls';
    readonly workers: number;
    readonly allocator: Allocator;
  },
): Promise<GrowthFigures> {
  await using server = await startServer(registry, { workers, allocator });
  await using loads = new AsyncDisposableStack();
  const points: GrowthPoint[] = [{ proxies: 0, ...(await settledMemory(server.inspector)) }];
  for (const proxies of steps) {
    const first = points.at(-1)?.proxies ?? 0;
    const load = loads.use(new Load());
    const fleet = { ...server[transport], first, count: proxies - first, namespace, clusterId, network };
    await load.call('connect', fleet);
    points.push({ proxies, ...(await settledMemory(server.inspector)) });
  }
  return { points };
}

/** A moment after a collection: what it has freed is given back to the system by then. */
export async function settledMemory(inspector: Inspector): Promise<Memory> {
  await inspector.memory();
  await delay(settlingMs);
  return inspector.memory();
}

/** Bytes a proxy, from nobody to the first step and from the first to the last: with and without what is fixed. */
export function perProxy(
  { points }: GrowthFigures,
  of: 'rss' | 'live',
): { readonly first: number; readonly oneMore: number } {
  const [none, first, last] = [points[0], points[1], points.at(-1)];
  if (none === undefined || first === undefined || last === undefined) return { first: 0, oneMore: 0 };
  const rise = (from: GrowthPoint, to: GrowthPoint): number =>
    (to[of] - from[of]) / Math.max(1, to.proxies - from.proxies);
  return { first: rise(none, first), oneMore: rise(first, last) };
}
