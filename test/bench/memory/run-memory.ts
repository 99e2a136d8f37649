// `npm run bench -- --memory`: how the process grows while proxies connect over TLS and in plaintext, at N, 2N and 4N of them.

import { imageAllocator } from '../image-allocator.ts';
import type { BenchOptions } from '../options.ts';
import { seed, type BenchRegistry } from '../registry.ts';
import { network } from '../server-under-test.ts';
import { measureGrowth, perProxy } from './measure-growth.ts';

export async function runMemory(parts: {
  readonly options: BenchOptions;
  readonly open: () => Promise<BenchRegistry>;
  readonly say: (line: string) => void;
}): Promise<void> {
  const { options, open, say } = parts;
  const { services, endpoints, proxies, workers } = options;
  const allocator = await imageAllocator(!options.cAllocator);
  await using registry = await open();
  await seed(registry, { services, endpoints, network });
  say(`${services} services with ${endpoints} endpoints each (${registry.kind}), allocator ${allocator.name}`);
  const steps = [proxies, 2 * proxies, 4 * proxies];
  for (const transport of ['tls', 'plaintext'] as const) {
    const growth = await measureGrowth(registry, { steps, transport, workers, allocator });
    for (const point of growth.points) {
      say(`${transport}, ${point.proxies} proxies: ${mib(point.rss)} resident, ${mib(point.live)} live`);
    }
    const [resident, live] = [perProxy(growth, 'rss'), perProxy(growth, 'live')];
    say(`${transport}, a proxy, of the first ${proxies}: ${kib(resident.first)} resident, ${kib(live.first)} live`);
    say(`${transport}, one more proxy: ${kib(resident.oneMore)} resident, ${kib(live.oneMore)} live`);
  }
}

function kib(bytes: number): string {
  return `${(bytes / 1024).toFixed(1)} KiB`;
}

function mib(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}
