// `npm run bench -- --regions`: the same services in two clusters on two networks, and proxies in the first that are connected over
// TLS. Writes .cache/bench/regions-*.json and its own part of docs/performance.md.

import { readFile, writeFile } from 'node:fs/promises';
import { availableParallelism, loadavg } from 'node:os';
import { join } from 'node:path';
import { Load } from '../fleet/load.ts';
import { imageAllocator, type Allocator } from '../image-allocator.ts';
import { measureGrowth } from '../memory/measure-growth.ts';
import type { BenchOptions } from '../options.ts';
import type { BenchRegistry } from '../registry.ts';
import { startServer } from '../server-under-test.ts';
import { measureRegions, type RegionFigures } from './measure-regions.ts';
import { openRegions, untilRemoteIsRead, type Regions } from './regions.ts';
import { regionLines, withRegions, type RegionRun } from './report-regions.ts';

export async function runRegions(parts: {
  readonly options: BenchOptions;
  readonly open: () => Promise<BenchRegistry>;
  readonly directory: string;
  readonly reportFile: string;
  readonly say: (line: string) => void;
}): Promise<void> {
  const { options, open, directory, reportFile, say } = parts;
  const { services, endpoints, proxies, workers } = options;
  const load = loadavg()[0] ?? 0;
  const allocator = await imageAllocator(!options.cAllocator);
  say(`filling two clusters with ${services} services of ${endpoints} endpoints each`);
  const opened = await open();
  await using regions = await openRegions(opened, { services, endpoints });
  const figures = await measure({ options, regions, allocator, say });
  say(`connecting up to ${2 * proxies} proxies to a new server`);
  const growth = await measureGrowth(regions.own, {
    steps: [proxies, 2 * proxies],
    transport: 'tls',
    workers,
    allocator,
  });
  const run: RegionRun = {
    at: new Date().toISOString(),
    node: process.version,
    cores: availableParallelism(),
    load,
    registry: opened.kind,
    allocator: allocator.name,
    services,
    endpoints,
    proxies,
    workers,
    ...figures,
    growth,
  };
  const file = join(directory, `regions-${run.at.replaceAll(':', '-')}.json`);
  await writeFile(file, `${JSON.stringify(run, undefined, 2)}\n`);
  for (const line of regionLines(run)) say(line);
  say(`written to ${file}`);
  if (options.report) {
    await writeFile(reportFile, withRegions(await readFile(reportFile, 'utf8'), run));
  }
}

async function measure(parts: {
  readonly options: BenchOptions;
  readonly regions: Regions;
  readonly allocator: Allocator;
  readonly say: (line: string) => void;
}): Promise<RegionFigures> {
  const { options, regions, allocator, say } = parts;
  await using server = await startServer(regions.own, { workers: options.workers, allocator });
  await untilRemoteIsRead(server, regions);
  await using load = new Load();
  return await measureRegions({ options, server, load, regions }, say);
}
