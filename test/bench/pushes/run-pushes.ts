// `npm run bench -- --pushes`: only what one change costs once it is read, in processor time of a process that has
// nothing else to do: the clients are in another. Steadier than the whole benchmark, so that steps can be told apart.

import { writeFile } from 'node:fs/promises';
import { Session } from 'node:inspector/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { useSmallBufferPool } from '../../../server/buffer-pool.ts';
import { Load } from '../fleet/load.ts';
import { inNamespace, namespace, namespaceOf, sliceObject } from '../manifests.ts';
import type { BenchOptions } from '../options.ts';
import { clusterId, network } from '../server-under-test.ts';
import { openPushInstance, type PushInstance } from './instance.ts';

/** Changes before anything counts: the engine of JavaScript compiles what is used. */
const warmUps = 60;

/** Of connecting and of coming back: one where many do. */
const manyRounds = 4;
const manyProxies = 1000;

/** Until the instance has noticed that its clients are gone. */
const leavingMs = 1500;

/** A change each so often. */
const periodMs = 50;

export async function runPushes({
  options,
  say,
}: {
  options: BenchOptions;
  say: (line: string) => void;
}): Promise<void> {
  // As `isthmus serve` does.
  useSmallBufferPool();
  await using instance = await openPushInstance(options);
  await using load = new Load();
  const count = options.proxies;
  const rounds = count < manyProxies ? manyRounds : 1;
  const target = { address: instance.address, count, namespace, namespaces: options.namespaces, clusterId, network };
  say(`bringing up ${options.services} services and ${count} proxies in ${options.namespaces} namespaces`);
  const firstMs = await load.call('connect', target);
  say(`all are served after ${(firstMs.at(-1) ?? 0).toFixed(0)} ms, the process has ${residentMib()} MiB`);
  await load.call('disconnect');
  await delay(500);
  const workers = rateOfWorkers(instance);
  await workers.next();
  const connectMs =
    (1 / rounds) *
    (await cpuOf(async () => {
      for (let round = 0; round < rounds; round += 1) await load.call('connect', target);
    }));
  const workersConnectMs = (await workers.next()) / rounds;
  await pushes(instance, options, { from: 0, to: warmUps });
  const changes = options.trials * 10;
  const profile = async (name: string, work: () => Promise<void>): Promise<void> =>
    options.profiles === undefined ? work() : profiled(join(options.profiles, `${name}.cpuprofile`), work);
  let pushMs = 0;
  await workers.next();
  await profile('pushes', async () => {
    pushMs = (await cpuOf(() => pushes(instance, options, { from: warmUps, to: warmUps + changes }))) / changes;
  });
  const workersPushMs = (await workers.next()) / changes;
  const idleMs = await cpuOf(() => delay(1000));
  let reconnectMs = 0;
  await workers.next();
  await profile('pushes-reconnect', async () => {
    reconnectMs =
      (1 / rounds) *
      (await cpuOf(async () => {
        for (let round = 0; round < rounds; round += 1) await load.call('reconnect', { quietMs: 1000 });
      }));
  });
  const workersReconnectMs = (await workers.next()) / rounds;
  const connectedBytes = await liveBytes();
  await load.call('disconnect');
  await delay(leavingMs);
  const heldBytes = (connectedBytes - (await liveBytes())) / count;
  say(
    `CPU: ${pushMs.toFixed(2)} ms an endpoint change to ${count} proxies (${changes} changes), ` +
      `${connectMs.toFixed(0)} ms when all connect, ${reconnectMs.toFixed(0)} ms when all return with what they hold, ` +
      `${idleMs.toFixed(1)} ms in a second without any change; ` +
      `${(heldBytes / 1024).toFixed(1)} KiB live a connected proxy`,
  );
  if (options.workers === 0) return;
  say(
    `CPU of ${options.workers} workers beside that: ${workersPushMs.toFixed(2)} ms a change, ` +
      `${workersConnectMs.toFixed(0)} ms when all connect, ${workersReconnectMs.toFixed(0)} ms when all return`,
  );
}

/** Processor time of the workers since the last time. */
function rateOfWorkers(instance: PushInstance): { readonly next: () => Promise<number> } {
  let beforeMs = 0;
  return {
    next: async () => {
      const nowMs = await instance.workersCpuMs();
      const usedMs = nowMs - beforeMs;
      beforeMs = nowMs;
      return usedMs;
    },
  };
}

/** A change of another service each time, which no other number makes; each is over before the next one. */
async function pushes(
  instance: PushInstance,
  options: BenchOptions,
  { from, to }: { readonly from: number; readonly to: number },
): Promise<void> {
  const { services, endpoints, namespaces } = options;
  for (let nth = from; nth < to; nth += 1) {
    const address = `198.51.${Math.floor(nth / 250) % 250}.${(nth % 250) + 1}`;
    instance.write(
      inNamespace(sliceObject(nth % services, endpoints, [address]), namespaceOf(nth % services, namespaces)),
    );
    await delay(periodMs);
  }
  while (instance.unsettled()) await delay(periodMs);
}

function residentMib(): string {
  return (process.memoryUsage.rss() / 1024 / 1024).toFixed(0);
}

/** After a collection, what is held outside the heap too. */
async function liveBytes(): Promise<number> {
  const session = new Session();
  session.connect();
  await session.post('HeapProfiler.collectGarbage');
  await session.post('HeapProfiler.collectGarbage');
  session.disconnect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

async function cpuOf(work: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

async function profiled(file: string, work: () => Promise<void>): Promise<void> {
  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.setSamplingInterval', { interval: 200 });
  await session.post('Profiler.start');
  await work();
  const { profile } = await session.post('Profiler.stop');
  await writeFile(file, JSON.stringify(profile));
}
