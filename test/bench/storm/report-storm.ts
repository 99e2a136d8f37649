// The figures of a storm, as their own generated part of docs/performance.md.

import { withGenerated } from '../generated-part.ts';
import type { Times } from '../figures.ts';

/** A push that took longer than it may, by when in the storm it began. */
export interface Late {
  readonly atMs: number;
  readonly tookMs: number;
}

/** Times are milliseconds. */
export interface StormRun {
  readonly at: string;
  readonly node: string;
  readonly load: number;
  readonly registry: 'kube' | 'directory';
  readonly services: number;
  /** Connected proxies that the changes are for. */
  readonly observers: number;
  readonly storm: number;
  /** Until the last of the storm was answered. */
  readonly lastMs: number;
  readonly turnedAway: number;
  /** Why, as the clients saw it. */
  readonly reasons: Readonly<Record<string, number>>;
  readonly cpuMs: number;
  /** Of those that came back, all together. */
  readonly crowdCpuMs: number;
  /** Until a change had reached all observers, before the storm and during it. */
  readonly calm: Times;
  readonly during: Times;
  readonly pushes: number;
  readonly worstMs: number;
  readonly late: readonly Late[];
}

/** The page with this run's figures in it. @throws Error when the page has no place for them */
export function withStorm(page: string, run: StormRun): string {
  const lines = [
    `${run.at.slice(0, 10)}, Node ${run.node}, two cores for everything, load of the machine before ${run.load.toFixed(1)}: ` +
      `${run.services} services ${run.registry === 'kube' ? 'on a real API server' : 'in a directory'}, ${run.observers} connected proxies, ${run.storm} that come back over TLS with what they hold.`,
    '',
    '| | |',
    '|---|---|',
    `| a change reaches the last connected proxy, before the storm, p50 (p99) | ${ms(run.calm.p50)} (${ms(run.calm.p99)}) |`,
    `| the same during the storm, ${run.pushes} changes, p50 (p99) | ${ms(run.during.p50)} (${ms(run.during.p99)}) |`,
    `| the latest of them | ${ms(run.worstMs)} |`,
    `| those later than 250 ms | ${run.late.length} |`,
    `| all of the storm are served after | ${(run.lastMs / 1000).toFixed(1)} s |`,
    `| connections that were turned away and tried again | ${run.turnedAway} |`,
    `| CPU of the server meanwhile, and of those who come back | ${(run.cpuMs / 1000).toFixed(1)} s, ${(run.crowdCpuMs / 1000).toFixed(1)} s |`,
  ];
  return withGenerated(page, 'npm run bench -- --storm', lines);
}

function ms(value: number): string {
  return `${value.toFixed(0)} ms`;
}
