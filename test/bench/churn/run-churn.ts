// `npm run bench -- --churn SECONDS`: steady endpoint changes on a mesh whose namespaces see only themselves. Writes
// .cache/bench/churn-*.json and its own part of docs/performance.md.

import { readFile, writeFile } from 'node:fs/promises';
import { availableParallelism, loadavg } from 'node:os';
import { join } from 'node:path';
import type { FleetOptions, FleetTarget } from '../fleet/fleet.ts';
import { Load } from '../fleet/load.ts';
import { imageAllocator } from '../image-allocator.ts';
import { namespaceOf } from '../manifests.ts';
import type { BenchOptions } from '../options.ts';
import type { BenchRegistry, Filling } from '../registry.ts';
import { settledMemory } from '../memory/measure-growth.ts';
import { clusterId, network, startServer, type ServerUnderTest } from '../server-under-test.ts';
import { fleetIn } from './churn-mesh.ts';
import { openOneCluster, openTwoClusters } from './churn-scene.ts';
import { measureChurn } from './measure-churn.ts';
import { churnLines, withChurn, type ChurnRun } from './report-churn.ts';

/** At most a quarter of what is measured. */
const mostWarmUpSeconds = 10;

export async function runChurn(parts: {
  options: BenchOptions;
  open: (filling?: Filling) => Promise<BenchRegistry>;
  directory: string;
  reportFile: string;
  say: (line: string) => void;
}): Promise<void> {
  const { options, open, directory, reportFile, say } = parts;
  const { services, endpoints, namespaces, proxies, workers, tls, churnSeconds: seconds, profiles } = options;
  const mesh = { services, endpoints, namespaces };
  const load = loadavg()[0] ?? 0;
  say(`filling the registry with ${services} services in ${namespaces} namespaces`);
  await using scene = await (options.regions ? openTwoClusters(await open(), mesh) : openOneCluster(open, mesh));
  const { registry } = scene;
  const allocator = await imageAllocator(!options.cAllocator);
  await using server = await startServer(registry, { workers, allocator });
  await scene.ready(server);
  await using fleet = new Load();
  say(`ready after ${server.readyMs.toFixed(0)} ms (${registry.kind}); connecting ${proxies} proxies`);
  const target = {
    ...(await targetOf(server, { tls, namespaces })),
    ...fleetIn(mesh),
    count: proxies,
    clusterId,
    network,
  };
  const connectMs = (await fleet.call('connect', target)).at(-1) ?? 0;
  const before = await settledMemory(server.inspector);
  await server.inspector.watchVitals();
  say(`connected after ${connectMs.toFixed(0)} ms; changing endpoints for ${seconds} s`);
  const warmUpSeconds = Math.min(mostWarmUpSeconds, seconds / 4);
  const size = { ...mesh, proxies, seconds, warmUpSeconds, rate: options.churnRate };
  const figures = await server.inspector.profile(
    profiles === undefined ? undefined : join(profiles, 'churn.cpuprofile'),
    () => measureChurn(size, { server, load: fleet, scene, say }),
  );
  const run: ChurnRun = {
    at: new Date().toISOString(),
    node: process.version,
    cores: availableParallelism(),
    load,
    registry: registry.kind,
    allocator: allocator.name,
    ...mesh,
    proxies,
    tls,
    regions: options.regions,
    workers,
    asked: options.churnRate,
    connectMs,
    before,
    after: await settledMemory(server.inspector),
    ...figures,
  };
  const file = join(directory, `churn-${run.at.replaceAll(':', '-')}.json`);
  await writeFile(file, `${JSON.stringify(run, undefined, 2)}\n`);
  for (const line of churnLines(run)) say(line);
  say(`written to ${file}`);
  if (options.report) await writeFile(reportFile, withChurn(await readFile(reportFile, 'utf8'), run));
}

/** A server hears a proxy only with a certificate of the namespace that it says it is in. */
async function targetOf(
  server: ServerUnderTest,
  { tls, namespaces }: { readonly tls: boolean; readonly namespaces: number },
): Promise<FleetTarget & Pick<FleetOptions, 'chains'>> {
  if (!tls) return server.plaintext;
  const names = Array.from({ length: namespaces }, (_, nth) => namespaceOf(nth, namespaces));
  return { ...server.tls, chains: await Promise.all(names.map(server.chainIn)) };
}
