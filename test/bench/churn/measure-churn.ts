// Steady endpoint changes and when each of them arrived. In: a server with a connected fleet. Out: figures a minute and of
// the whole. Each change is timed, from just before it is sent to the registry until the last proxy of its namespace has it.

import { setTimeout as delay } from 'node:timers/promises';
import { monotonicMs } from '../fleet/fleet.ts';
import type { Load } from '../fleet/load.ts';
import type { ServerUnderTest } from '../server-under-test.ts';
import type { ChurnMesh } from './churn-mesh.ts';
import type { ChurnScene } from './churn-scene.ts';
import { inMinutes, summaryOf, type ChurnFigures, type TimedChange, type Usage } from './churn-figures.ts';
import { cpuMsOf } from './process-cpu.ts';

export interface ChurnOptions extends ChurnMesh {
  readonly proxies: number;
  /** What is measured. */
  readonly seconds: number;
  /** Before that, for V8 to compile what is used. */
  readonly warmUpSeconds: number;
  /** Changes a second. */
  readonly rate: number;
}

export interface ChurnParts {
  readonly server: ServerUnderTest;
  readonly load: Load;
  readonly scene: ChurnScene;
  readonly say: (line: string) => void;
}

/** Each has services of its own, so no slice is written twice at a time. */
const mostWriters = 20;

/** A registry that is slower than the rate is given up on so long after the end. */
const overtimeMs = 10_000;

/** After the last change. */
const patienceMs = 30_000;

const minuteMs = 60_000;
const lookMs = 250;

/** @throws Error when a change did not arrive */
export async function measureChurn(options: ChurnOptions, parts: ChurnParts): Promise<ChurnFigures> {
  const { load, scene, say } = parts;
  const { seconds, warmUpSeconds, rate } = options;
  const writers = Math.min(mostWriters, options.services);
  // The few that are left over never change: the same writer has the same service each time.
  const services = options.services - (options.services % writers);
  const { namespaces, proxies } = options;
  await load.call('follow', { services, namespaces, proxies, remoteEndpoints: scene.remoteEndpoints });
  const changes = new Map<number, TimedChange>();
  const startMs = monotonicMs();
  const measuredFromMs = startMs + warmUpSeconds * 1000;
  const endMs = measuredFromMs + seconds * 1000;
  const write = async (nth: number): Promise<void> => {
    const change: TimedChange = { writtenMs: monotonicMs(), storedMs: 0, arrivedMs: undefined };
    changes.set(nth, change);
    await scene.change(nth, { service: nth % services, turn: Math.floor(nth / services) });
    change.storedMs = monotonicMs();
  };
  const failed = new AbortController();
  const writer = async (first: number): Promise<void> => {
    for (let nth = first; !failed.signal.aborted; nth += writers) {
      const dueMs = startMs + (nth * 1000) / rate;
      if (dueMs >= endMs || monotonicMs() > endMs + overtimeMs) return;
      if (dueMs > monotonicMs()) await delay(dueMs - monotonicMs());
      await write(nth);
    }
  };
  let folded = 0;
  const look = async (): Promise<void> => {
    const progress = await load.call('followed');
    folded = progress.folded;
    for (const { nth, atMs } of progress.reached) {
      const change = changes.get(nth);
      if (change !== undefined) change.arrivedMs = atMs;
    }
  };
  const writing = Promise.all(Array.from({ length: writers }, (_, first) => writer(first)));
  writing.catch(() => failed.abort());
  await delay(measuredFromMs - monotonicMs());
  const usages: Usage[] = [await usageOf(parts)];
  while (monotonicMs() < endMs && !failed.signal.aborted) {
    const untilMs = Math.min(endMs, measuredFromMs + usages.length * minuteMs);
    while (monotonicMs() < untilMs && !failed.signal.aborted) {
      await delay(Math.min(lookMs, Math.max(0, untilMs - monotonicMs())));
      await look();
    }
    const usage = await usageOf(parts);
    usages.push(usage);
    const inUse = usage.live === undefined ? '' : `, ${(usage.live / 1024 / 1024).toFixed(0)} MiB live`;
    say(`${((usage.atMs - measuredFromMs) / 1000).toFixed(0)} s: ${changes.size} changes written${inUse}`);
  }
  await writing;
  const missing = (): number => [...changes.values()].filter(({ arrivedMs }) => arrivedMs === undefined).length;
  for (const sinceMs = monotonicMs(); missing() > 0 && monotonicMs() - sinceMs < patienceMs;) {
    await delay(lookMs);
    await look();
  }
  if (missing() > 0) throw new Error(`${missing()} of ${changes.size} changes did not arrive`);
  const measured = [...changes].flatMap(([nth, change]) => (nth < warmUpSeconds * rate ? [] : [change]));
  const lastMs = measured.reduce((last, { storedMs }) => Math.max(last, storedMs), measuredFromMs);
  return {
    ...summaryOf(measured),
    seconds,
    warmUpSeconds,
    rate: measured.length / Math.max(seconds, (lastMs - measuredFromMs) / 1000),
    messages: (usages.at(-1)?.messages ?? 0) - (usages[0]?.messages ?? 0),
    folded,
    minutes: inMinutes(measured, usages),
    longest: measured
      .map(({ writtenMs, storedMs, arrivedMs = 0 }) => ({
        atMs: Math.round(writtenMs - measuredFromMs),
        tookMs: Math.round(arrivedMs - writtenMs),
        storedMs: Math.round(storedMs - writtenMs),
      }))
      .toSorted((one, other) => other.tookMs - one.tookMs)
      .slice(0, 50),
  };

  async function usageOf({ server, load, scene: { registry } }: ChurnParts): Promise<Usage> {
    const { user, system } = process.cpuUsage();
    return {
      atMs: monotonicMs(),
      ...(await server.inspector.vitals()),
      serverCpuMs: (await server.inspector.cpuMs()) + (await server.workers()).cpuMs,
      clientsCpuMs: await load.call('cpuMs'),
      writersCpuMs: (user + system) / 1000,
      registryCpuMs: await cpuMsOf(registry.pids()),
      messages: (await load.call('counts')).messages,
    };
  }
}
