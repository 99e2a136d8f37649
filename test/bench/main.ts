// `npm run bench`: the whole load against a server of this checkout. Writes .cache/bench/*.json and docs/performance.md,
// compares with test/bench/baseline.json, and ends with 1 when a count rose.

import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { join, resolve } from 'node:path';
import { whyNoKube } from '../support/kube.ts';
import { compareWithBaseline, readBaseline, sizeOf, writeBaseline, type ComparedFigures } from './baseline.ts';
import type { ConnectFigures, Figures, LoadFigures } from './figures.ts';
import { Load } from './fleet/load.ts';
import { imageAllocator, type Allocator } from './image-allocator.ts';
import { measureCertificates } from './certificates/measure-certificates.ts';
import { runChurn } from './churn/run-churn.ts';
import { readOptions, usage, type BenchOptions } from './options.ts';
import { openDirectory, openKube, seed, type BenchRegistry, type Filling } from './registry.ts';
import { measureLoad } from './measure-load.ts';
import { measureStart } from './measure-start.ts';
import { measureGrowth } from './memory/measure-growth.ts';
import { runMemory } from './memory/run-memory.ts';
import { runPushes } from './pushes/run-pushes.ts';
import { runRegions } from './regions/run-regions.ts';
import { runRemotes } from './remotes/run-remotes.ts';
import { chartOf, withFigures } from './report.ts';
import { measureConnect } from './scenarios.ts';
import { network, startServer } from './server-under-test.ts';
import { isOtherSize } from './sizes/page-sizes.ts';
import { withSize } from './sizes/report-size.ts';
import { runStorm } from './storm/run-storm.ts';
import { runStreams } from './streams/run-streams.ts';

const root = resolve(import.meta.dirname, '../..');
const outputDirectory = join(root, '.cache/bench');
const reportFile = join(root, 'docs/performance.md');

const argv = process.argv.slice(2);
if (argv.includes('--help')) {
  process.stdout.write(usage);
  process.exit(0);
}
const options = readOptions(argv);
await mkdir(outputDirectory, { recursive: true });
if (options.profiles !== undefined) await mkdir(options.profiles, { recursive: true });
if (options.remotes) await runRemotes({ options, directory: outputDirectory, reportFile, say });
else if (options.regions && options.churnSeconds === 0)
  await runRegions({ options, open: () => open(options), directory: outputDirectory, reportFile, say });
else if (options.storm > 0) await runStorm({ options, open: () => open(options), reportFile, say });
else if (options.churnSeconds > 0) {
  const openFilled = (filling?: Filling): Promise<BenchRegistry> => open(options, filling);
  await runChurn({ options, open: openFilled, directory: outputDirectory, reportFile, say });
} else if (options.memory) await runMemory({ options, open: () => open(options), say });
else if (options.pushes) await runPushes({ options, say });
else if (options.streams) await runStreams({ options, say });
else await benchMesh();

async function benchMesh(): Promise<void> {
  const figures = await run(options);
  const file = join(outputDirectory, `${figures.at.replaceAll(':', '-')}.json`);
  await writeFile(file, `${JSON.stringify(figures, undefined, 2)}\n`);
  say(JSON.stringify(figures, undefined, 1));
  say(`written to ${file}`);
  if (options.report) await report(figures);
  const baseline = await readBaseline();
  if (options.saveBaseline) await writeBaseline(baseline, figures);
  if (baseline.runs[sizeOf(figures)] === undefined)
    say(`nothing to compare with: ${sizeOf(figures)}, is not in the baseline (--save-baseline puts it there)`);
  const { risen, slower } = compareWithBaseline(baseline, figures);
  for (const line of slower) say(`slower than before: ${line}`);
  for (const line of risen) say(`RISEN: ${line}`);
  process.exitCode = risen.length > 0 && !options.saveBaseline ? 1 : 0;
}

async function report(found: ComparedFigures): Promise<void> {
  const page = await readFile(reportFile, 'utf8');
  if (!('start' in found)) {
    await writeFile(reportFile, withSize(page, found));
    return;
  }
  const chart = chartOf(found);
  if (chart === undefined) {
    say('docs/performance.md shows other sizes and stays as it is');
    return;
  }
  await writeFile(reportFile, withFigures(page, found));
  await writeFile(join(root, 'docs/performance.svg'), chart);
}

/** Of another size that the page shows, only the load: what else is measured does not belong to it. */
async function run(bench: BenchOptions): Promise<ComparedFigures> {
  const machineLoad = loadavg()[0] ?? 0;
  const allocator = await imageAllocator(!bench.cAllocator);
  say(`allocator ${allocator.name}`);
  await using registry = await open(bench);
  say(`writing ${bench.services} services with ${bench.endpoints} endpoints each (${registry.kind})`);
  await seed(registry, { services: bench.services, endpoints: bench.endpoints, network });
  const load = await measureLoad({ options: bench, registry, allocator, machineLoad, say });
  if (isOtherSize(bench)) return load;
  return { ...load, ...(await measureRest(bench, { registry, allocator })) };
}

async function measureRest(
  bench: BenchOptions,
  { registry, allocator }: { readonly registry: BenchRegistry; readonly allocator: Allocator },
): Promise<Omit<Figures, keyof LoadFigures>> {
  say('connecting over TLS');
  const connectTls = await measureConnectTls(bench, { registry, allocator });
  say(`connecting up to ${4 * bench.proxies} proxies over TLS`);
  const growthTls = await measureGrowth(registry, {
    steps: [bench.proxies, 4 * bench.proxies],
    transport: 'tls',
    workers: bench.workers,
    allocator,
  });
  say('starting with many services');
  const start = await measureStart(await openRegistry(registry.kind), {
    services: bench.startServices,
    endpoints: 10,
    allocator,
  });
  say('signing certificates');
  const certificates = await measureCertificates({
    services: bench.services,
    endpoints: bench.endpoints,
    proxies: bench.proxies,
    seconds: bench.quick ? 2 : 6,
  });
  return { connectTls, growthTls, start, certificates };
}

async function measureConnectTls(
  bench: BenchOptions,
  { registry, allocator }: { readonly registry: BenchRegistry; readonly allocator: Allocator },
): Promise<ConnectFigures> {
  await using server = await startServer(registry, { workers: bench.workers, allocator });
  await using load = new Load();
  return await measureConnect({ options: bench, server, load, registry }, server.tls, 'connect-tls');
}

async function open({ registry }: BenchOptions, filling?: Filling): Promise<BenchRegistry> {
  const reason = registry === undefined ? await whyNoKube() : undefined;
  if (reason !== undefined) say(`no real Kubernetes API, a directory instead: ${reason}`);
  return openRegistry(registry ?? (reason === undefined ? 'kube' : 'directory'), filling);
}

async function openRegistry(kind: BenchRegistry['kind'], filling?: Filling): Promise<BenchRegistry> {
  if (kind === 'kube') return openKube(filling);
  const directory = await openDirectory();
  await filling?.writeInto(directory);
  return directory;
}

function say(line: string): void {
  console.log(line);
}
