// How long an instance takes from its start until it is ready to serve a large mesh: the median of three starts. Each is of a new
// process that remembers nothing of the ones before.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { timesOf, type StartFigures } from './figures.ts';
import type { Allocator } from './image-allocator.ts';
import { seed, type BenchRegistry } from './registry.ts';
import { network, startServer } from './server-under-test.ts';

const starts = 3;

interface Start {
  readonly readyMs: number;
  readonly rss: number;
}

/** Takes the registry, which is empty, and disposes of it. */
export async function measureStart(
  opened: BenchRegistry,
  {
    services,
    endpoints,
    allocator,
  }: { readonly services: number; readonly endpoints: number; readonly allocator: Allocator },
): Promise<StartFigures> {
  await using registry = opened;
  await seed(registry, { services, endpoints, network });
  const each: Start[] = [];
  for (let nth = 0; nth < starts; nth += 1) each.push(await startOnce(registry, allocator));
  const readyMs = each.map((start) => start.readyMs);
  return {
    services,
    endpoints: services * endpoints,
    eachReadyMs: readyMs,
    readyMs: timesOf(readyMs).p50,
    rss: timesOf(each.map(({ rss }) => rss)).p50,
  };
}

async function startOnce(registry: BenchRegistry, allocator: Allocator): Promise<Start> {
  const state = await mkdtemp(join(tmpdir(), 'isthmus-bench-state-'));
  try {
    const remembersNothing = { ...registry, argv: [...registry.argv, '--state-dir', state] };
    await using server = await startServer(remembersNothing, { allocator });
    const { rss } = await server.inspector.memory();
    return { readyMs: server.readyMs, rss };
  } finally {
    await rm(state, { recursive: true, force: true });
  }
}
