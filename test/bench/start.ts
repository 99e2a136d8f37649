// How long an instance takes from its start until it is ready to serve a large mesh.

import type { Allocator } from './image-allocator.ts';
import type { Figures } from './figures.ts';
import { seed, type BenchRegistry } from './registry.ts';
import { network, startServer } from './server-under-test.ts';

/** Takes the registry, which is empty, and disposes of it. */
export async function startOnce(
  opened: BenchRegistry,
  {
    services,
    endpoints,
    allocator,
  }: { readonly services: number; readonly endpoints: number; readonly allocator: Allocator },
): Promise<Figures['start']> {
  await using registry = opened;
  await seed(registry, { services, endpoints, network });
  await using server = await startServer(registry, { allocator });
  const { rss } = await server.inspector.memory();
  return { services, endpoints: services * endpoints, readyMs: server.readyMs, rss };
}
