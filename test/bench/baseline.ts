// What earlier runs found, kept in the repository: counts may never rise, times are only compared.

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ExactCounts, Figures, LoadFigures } from './figures.ts';
import { perProxy } from './memory/measure-growth.ts';

export interface Baseline {
  /** By the size of the run, `SERVICES x ENDPOINTS, PROXIES proxies, TRIALS changes, REGISTRY`. */
  readonly runs: Readonly<Record<string, BaselineRun>>;
  /** Of test/feature/bench-counts.test.ts, by step. */
  readonly counts: Readonly<Record<string, ExactCounts>>;
}

export interface BaselineRun {
  readonly counts: Readonly<Record<string, ExactCounts>>;
  /** Milliseconds, bytes and the like: less is better. */
  readonly times: Readonly<Record<string, number>>;
}

export interface Comparison {
  readonly risen: readonly string[];
  readonly slower: readonly string[];
}

/** Of a whole run, or of a size for which only the load is measured. */
export type ComparedFigures = LoadFigures | Figures;

/** A time counts as slower from here on: machines differ and are shared. */
const slowerFactor = 1.5;

export const baselineFile = join(import.meta.dirname, 'baseline.json');

export async function readBaseline(): Promise<Baseline> {
  return JSON.parse(await readFile(baselineFile, 'utf8')) as Baseline;
}

export async function writeBaseline(baseline: Baseline, figures: ComparedFigures): Promise<void> {
  const runs = { ...baseline.runs, [sizeOf(figures)]: runOf(figures) };
  await writeFile(baselineFile, `${JSON.stringify({ ...baseline, runs }, undefined, 2)}\n`);
}

/** A run of a size that has no baseline is equal to it. */
export function compareWithBaseline(baseline: Baseline, figures: ComparedFigures): Comparison {
  const size = sizeOf(figures);
  const before = baseline.runs[size];
  if (before === undefined) return { risen: [], slower: [] };
  const now = runOf(figures);
  const risen = Object.entries(now.counts).flatMap(([step, counts]) =>
    risenCounts(before.counts[step], counts).map((line) => `${size}: ${step}: ${line}`),
  );
  const slower = Object.entries(now.times)
    .filter(([name, value]) => value > (before.times[name] ?? value) * slowerFactor)
    .map(([name, value]) => `${size}: ${name}: ${before.times[name]} before, ${value} now`);
  return { risen, slower };
}

/** `NAME: BEFORE before, NOW now` of each count that is higher than before. */
export function risenCounts(before: ExactCounts | undefined, now: ExactCounts): readonly string[] {
  if (before === undefined) return [];
  const names = ['messages', 'bytes', 'resources', 'removed', 'encodings'] as const;
  return names
    .filter((name) => now[name] > before[name])
    .map((name) => `${name}: ${before[name]} before, ${now[name]} now`);
}

/** The key of a run. Names of services and addresses are of different lengths, so bytes depend on the number of changes. */
export function sizeOf({ services, endpoints, proxies, registry, endpointChange }: LoadFigures): string {
  return `${services} x ${endpoints}, ${proxies} proxies, ${endpointChange.trials} changes, ${registry}`;
}

function runOf(figures: ComparedFigures): BaselineRun {
  const { connect, endpointChange, routeChange, reconnect } = figures;
  return {
    counts: {
      connect: connect.counts,
      'endpoint change': endpointChange.counts,
      'route change': routeChange.counts,
      reconnect: reconnect.counts,
      ...('connectTls' in figures ? { 'connect over TLS': figures.connectTls.counts } : {}),
    },
    times: {
      'connect all, ms': rounded(connect.allMs),
      'connect CPU, ms': rounded(connect.cpuMs),
      'live bytes a proxy': Math.round(connect.live),
      'endpoint change, last proxy, ms': rounded(endpointChange.last.p50),
      'endpoint change CPU, ms': rounded(endpointChange.cpuMs),
      'route change, last proxy, ms': rounded(routeChange.last.p50),
      'route change CPU, ms': rounded(routeChange.cpuMs),
      'reconnect CPU, ms': rounded(reconnect.cpuMs),
      ...('start' in figures ? timesOfWholeRun(figures) : {}),
    },
  };
}

function timesOfWholeRun({ connectTls, growthTls, start, certificates }: Figures): BaselineRun['times'] {
  return {
    'connect over TLS CPU, ms': rounded(connectTls.cpuMs),
    'live bytes a proxy over TLS': Math.round(connectTls.live),
    ...(growthTls === undefined
      ? {}
      : { 'bytes of the process for one more proxy over TLS': Math.round(perProxy(growthTls, 'rss').oneMore) }),
    'start to ready, ms': rounded(start.readyMs),
    'a certificate, µs': rounded(1e6 / certificates.alone.perSecond),
    'a certificate while pushes go on, µs': rounded(1e6 / certificates.whilePushing.perSecond),
  };
}

function rounded(value: number): number {
  return Math.round(value * 10) / 10;
}
