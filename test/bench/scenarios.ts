// The measurements, one function each. In: a running server, the load generator, the registry. Out: figures.

import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { TestObject } from '../support/kube-api.ts';
import { waitFor } from '../support/wait-for.ts';
import { monotonicMs, type FleetTarget } from './fleet/fleet.ts';
import type { Load } from './fleet/load.ts';
import {
  timesOf,
  type ChangeFigures,
  type ConnectFigures,
  type ExactCounts,
  type ReconnectFigures,
} from './figures.ts';
import { namespace, sliceObject, virtualServiceObject } from './manifests.ts';
import { settledMemory } from './memory/measure-growth.ts';
import type { BenchOptions } from './options.ts';
import type { BenchRegistry } from './registry.ts';
import { readCounter } from './scrape.ts';
import { clusterId, network, type ServerUnderTest } from './server-under-test.ts';

export interface Bench {
  readonly options: BenchOptions;
  readonly server: ServerUnderTest;
  readonly load: Load;
  readonly registry: Pick<BenchRegistry, 'write'>;
  /** Changes before each measurement; the usual number when left out. */
  readonly warmUps?: number | undefined;
}

/** Between two changes: what the one set off is over before the other begins. */
const restMs = 150;

/** Changes before anything is measured, a moment apart: a server that serves for a while has compiled what it uses. */
export const usualWarmUps = 100;
const warmUpMs = 40;

/** Until a server has noticed that its clients are gone. */
const leavingMs = 1500;

export async function measureConnect(bench: Bench, target: FleetTarget, name: string): Promise<ConnectFigures> {
  const { server, load, options } = bench;
  const before = await settledMemory(server.inspector);
  const encodings = await server.encodings();
  const workers = await server.workers();
  const cpuMs = await server.inspector.cpuMs();
  const eachMs = await server.inspector.profile(profileFile(options, name), () =>
    load.call('connect', { ...target, count: options.proxies, namespace, clusterId, network }),
  );
  await delay(restMs);
  const usedMs = (await server.inspector.cpuMs()) - cpuMs;
  const workersUsed = await server.workers();
  const counts = await load.call('counts');
  const used = (await server.encodings()) - encodings;
  const connected = await settledMemory(server.inspector);
  // What a stream holds is what goes with it: what was generated and compiled stays.
  await load.call('disconnect');
  await delay(leavingMs);
  const left = await settledMemory(server.inspector);
  const againMs = await load.call('connect', { ...target, count: options.proxies, namespace, clusterId, network });
  return {
    allMs: eachMs.at(-1) ?? 0,
    againMs: againMs.at(-1) ?? 0,
    each: timesOf(eachMs),
    cpuMs: usedMs,
    workersCpuMs: workersUsed.cpuMs - workers.cpuMs,
    counts: perProxy(counts, options.proxies, used),
    live: (connected.live - left.live) / options.proxies,
    rss: (connected.rss - before.rss) / options.proxies,
    workersRss: (workersUsed.rss - workers.rss) / options.proxies,
  };
}

/** Changes an endpoint of another service each time. */
export function measureEndpointChange(bench: Bench): Promise<ChangeFigures> {
  const { endpoints } = bench.options;
  const services = Math.min(bench.options.trials, bench.options.services);
  return measureChange(bench, 'endpoint-change', (trial) => {
    const marker = `198.51.${100 + Math.floor(trial / 250)}.${(trial % 250) + 1}`;
    return { marker, object: sliceObject(trial % services, endpoints, [marker]) };
  });
}

/** Edits the VirtualService of another service each time; it exists already. */
export async function measureRouteChange(bench: Bench): Promise<ChangeFigures> {
  const { trials, services } = bench.options;
  const indexes = Array.from({ length: Math.min(trials, services) }, (_, index) => index);
  for (const index of indexes) await bench.registry.write(virtualServiceObject(index, 'mark-before'));
  await delay(1000);
  return measureChange(bench, 'route-change', (trial) => {
    const marker = `mark-${String(trial).padStart(5, '0')}`;
    return { marker, object: virtualServiceObject(trial % indexes.length, marker) };
  });
}

export interface MarkedChange {
  /** Stands in what the proxies receive of it, and in nothing before. */
  readonly marker: string;
  readonly object: TestObject;
}

export async function measureChange(
  bench: Bench,
  name: string,
  changeOf: (trial: number) => MarkedChange,
): Promise<ChangeFigures> {
  const { options, server, load, registry, warmUps = usualWarmUps } = bench;
  const { trials, proxies } = options;
  for (let nth = 0; nth < warmUps; nth += 1) {
    await registry.write(changeOf(trials + nth).object);
    await delay(warmUpMs);
  }
  await delay(restMs);
  const counts = await load.call('counts');
  const encodings = await server.encodings();
  const workers = await server.workers();
  const cpuMs = await server.inspector.cpuMs();
  const firstMs: number[] = [];
  const lastMs: number[] = [];
  const eachMs: number[] = [];
  await server.inspector.profile(profileFile(options, name), async () => {
    for (let trial = 0; trial < trials; trial += 1) {
      const { marker, object } = changeOf(trial);
      await load.call('watch', marker);
      const seen = load.call('seen');
      const startMs = monotonicMs();
      await registry.write(object);
      const sighting = await seen;
      firstMs.push(sighting.firstMs - startMs);
      lastMs.push(sighting.lastMs - startMs);
      for (const ms of sighting.eachMs) eachMs.push(ms - startMs);
      await delay(restMs);
    }
  });
  const usedMs = (await server.inspector.cpuMs()) - cpuMs;
  const workersUsed = await server.workers();
  const after = await load.call('counts');
  return {
    trials,
    first: timesOf(firstMs),
    each: timesOf(eachMs),
    last: timesOf(lastMs),
    cpuMs: usedMs / trials,
    workersCpuMs: (workersUsed.cpuMs - workers.cpuMs) / trials,
    counts: perChange(difference(after, counts), { trials, proxies }, (await server.encodings()) - encodings),
  };
}

const requestsTotal = 'isthmus_xds_requests_total';

/** Of a sidecar that had everything: one for each type. */
const requestsOnReturn = 5;

export async function measureReconnect({ server, load, options }: Bench): Promise<ReconnectFigures> {
  const counts = await load.call('counts');
  const encodings = await server.encodings();
  const workers = await server.workers();
  const cpuMs = await server.inspector.cpuMs();
  const requests = await readCounter(server.instance.monitoring, requestsTotal);
  const { tookMs } = await server.inspector.profile(profileFile(options, 'reconnect'), () =>
    load.call('reconnect', { quietMs: 2000 }),
  );
  // Many clients take a while to say all that they hold.
  await waitFor(
    () => readCounter(server.instance.monitoring, requestsTotal),
    (now) => now >= requests + options.proxies * requestsOnReturn,
    { what: 'all requests of those that return', timeoutMs: 60_000 },
  );
  await delay(restMs);
  const usedMs = (await server.inspector.cpuMs()) - cpuMs;
  const workersCpuMs = (await server.workers()).cpuMs - workers.cpuMs;
  const received = difference(await load.call('counts'), counts);
  return {
    tookMs,
    cpuMs: usedMs,
    workersCpuMs,
    counts: perProxy(received, options.proxies, (await server.encodings()) - encodings),
  };
}

type Received = Omit<ExactCounts, 'encodings'>;

function difference(after: Received, before: Received): Received {
  return {
    messages: after.messages - before.messages,
    bytes: after.bytes - before.bytes,
    resources: after.resources - before.resources,
    removed: after.removed - before.removed,
  };
}

function perProxy(received: Received, proxies: number, encodings: number): ExactCounts {
  return perChange(received, { trials: 1, proxies }, encodings);
}

/** Rounded to a hundredth: markers of changes are not all of the same length. */
function perChange(
  received: Received,
  { trials, proxies }: { readonly trials: number; readonly proxies: number },
  encodings: number,
): ExactCounts {
  const each = (sum: number): number => Math.round((sum / trials / proxies) * 100) / 100;
  return {
    messages: each(received.messages),
    bytes: each(received.bytes),
    resources: each(received.resources),
    removed: each(received.removed),
    encodings: Math.round((encodings / trials) * 100) / 100,
  };
}

function profileFile({ profiles }: BenchOptions, name: string): string | undefined {
  return profiles === undefined ? undefined : join(profiles, `${name}.cpuprofile`);
}
