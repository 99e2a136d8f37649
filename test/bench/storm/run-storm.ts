// `npm run bench -- --storm 5000`: so many proxies come back at once over TLS, with what they hold, while changes are pushed to
// others that are connected. How late does a push get?

import { readFile, writeFile } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { TestObject } from '../../support/kube-api.ts';
import { timesOf } from '../figures.ts';
import { monotonicMs } from '../fleet/fleet.ts';
import { Load } from '../fleet/load.ts';
import { namespace, sliceObject } from '../manifests.ts';
import type { BenchOptions } from '../options.ts';
import { benchService, seed, type BenchRegistry } from '../registry.ts';
import { clusterId, network, startServer } from '../server-under-test.ts';
import { withStorm, type Late } from './report-storm.ts';

/** Its service is for itself alone: a change of it is no business of those who come back. */
const watched = 'watched';

/** Apart from those of all others. */
const watchedIndex = 20_000;

/** What a push may take at most. */
const allowedMs = 250;

/** A change each so often. */
const periodMs = 150;

export async function runStorm(parts: {
  options: BenchOptions;
  open: () => Promise<BenchRegistry>;
  reportFile: string;
  say: (line: string) => void;
}): Promise<void> {
  const { options, open, reportFile, say } = parts;
  const load = loadavg()[0] ?? 0;
  await using registry = await open();
  await seed(registry, { services: options.services, endpoints: options.endpoints, network });
  await registry.write(...watchedObjects());
  await using server = await startServer(registry);
  await using crowd = new Load();
  await using observers = new Load();
  const common = { clusterId, network };
  await crowd.call('connect', { ...server.tls, ...common, count: 1, namespace });
  await observers.call('connect', { ...server.plaintext, ...common, count: options.proxies, namespace: watched });
  let changes = 0;
  const push = async (): Promise<number> => {
    const marker = `198.51.${Math.floor(changes / 250) % 250}.${(changes % 250) + 1}`;
    changes += 1;
    await observers.call('watch', marker);
    const seen = observers.call('seen');
    const startMs = monotonicMs();
    await registry.write(inWatched(sliceObject(watchedIndex, options.endpoints, [marker])));
    const { lastMs } = await seen;
    await delay(periodMs);
    return lastMs - startMs;
  };
  const calmMs: number[] = [];
  for (let nth = 0; nth < options.trials; nth += 1) calmMs.push(await push());
  say(`a push reaches the last of ${options.proxies} after ${timesOf(calmMs).p50.toFixed(0)} ms`);
  const cpuBeforeMs = await server.inspector.cpuMs();
  const storming = crowd.call('storm', { ...server.tls, ...common, count: options.storm, namespace });
  const over = new AbortController();
  storming.finally(() => over.abort()).catch(() => undefined);
  const stormMs: number[] = [];
  const late: Late[] = [];
  const startMs = monotonicMs();
  const {
    eachMs,
    turnedAway,
    reasons,
    cpuMs: crowdCpuMs,
  } = await server.inspector.profile(
    options.profiles === undefined ? undefined : join(options.profiles, 'storm.cpuprofile'),
    async () => {
      while (!over.signal.aborted) {
        const atMs = monotonicMs() - startMs;
        const tookMs = await push();
        stormMs.push(tookMs);
        if (tookMs > allowedMs) late.push({ atMs: Math.round(atMs), tookMs: Math.round(tookMs) });
      }
      return storming;
    },
  );
  const run = {
    at: new Date().toISOString(),
    node: process.version,
    load,
    registry: registry.kind,
    services: options.services,
    observers: options.proxies,
    storm: options.storm,
    lastMs: eachMs.at(-1) ?? 0,
    turnedAway,
    reasons,
    crowdCpuMs,
    cpuMs: (await server.inspector.cpuMs()) - cpuBeforeMs,
    calm: timesOf(calmMs),
    pushes: stormMs.length,
    during: timesOf(stormMs),
    worstMs: Math.max(...stormMs),
    late,
  };
  say(JSON.stringify(run, undefined, 1));
  if (options.report) await writeFile(reportFile, withStorm(await readFile(reportFile, 'utf8'), run));
}

function watchedObjects(): readonly TestObject[] {
  const service = inWatched(benchService(watchedIndex));
  const annotations = { 'networking.istio.io/exportTo': '.' };
  return [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: watched } },
    { ...service, metadata: { ...service.metadata, annotations } },
    inWatched(sliceObject(watchedIndex, 1)),
  ];
}

function inWatched(object: TestObject): TestObject {
  return { ...object, metadata: { ...object.metadata, namespace: watched } };
}
