// The figures of two regions, as their own generated part of docs/performance.md.

import { withGenerated } from '../generated-part.ts';
import { perProxy, type GrowthFigures } from '../memory/measure-growth.ts';
import { countCells, kib, lastAnswer, ms, stepTable, times } from '../report.ts';
import type { RegionFigures } from './measure-regions.ts';
import type { RegionSize } from './region-objects.ts';

export interface RegionRun extends RegionFigures, RegionSize {
  readonly at: string;
  readonly node: string;
  readonly cores: number;
  /** Of the machine, when the run began. */
  readonly load: number;
  /** Of both regions. */
  readonly registry: 'kube' | 'directory';
  readonly allocator: string;
  readonly workers: number;
  readonly proxies: number;
  readonly growth: GrowthFigures;
}

/** The page with this run's figures in it. @throws Error when the page has no place for them */
export function withRegions(page: string, run: RegionRun): string {
  return withGenerated(page, 'npm run bench -- --regions', regionLines(run));
}

export function regionLines(run: RegionRun): readonly string[] {
  const { connect, ownChange, remoteChange, routeChange, reconnect, growth } = run;
  const steps = growth.points.map(({ proxies }) => proxies);
  const registries = run.registry === 'kube' ? 'each a real API server' : 'each a registry directory';
  const rows = [
    ['all proxies connected', ms(connect.allMs), ms(connect.cpuMs), ...countCells(connect.counts)],
    ['the same with a warm server', ms(connect.againMs), '', '', '', '', ''],
    ['endpoint added in the own cluster', times(ownChange.last), ms(ownChange.cpuMs), ...countCells(ownChange.counts)],
    [
      'endpoint added in the remote: its gateway weighs more',
      times(remoteChange.last),
      ms(remoteChange.cpuMs),
      ...countCells(remoteChange.counts),
    ],
    ['VirtualService change', times(routeChange.last), ms(routeChange.cpuMs), ...countCells(routeChange.counts)],
    ['all reconnect with what they hold', lastAnswer(reconnect), ms(reconnect.cpuMs), ...countCells(reconnect.counts)],
  ];
  return [
    `${run.at.slice(0, 10)}, Node ${run.node}, ${run.cores} cores for everything, load of the machine before ${run.load.toFixed(1)}: ` +
      `two clusters on two networks, ${registries}, in each ${run.services} services with ${run.endpoints} endpoints and a gateway; ` +
      `${run.proxies} sidecars in the first, over TLS with client certificates${run.workers === 0 ? '' : `, ${run.workers} workers`}, allocator ${run.allocator}.`,
    '',
    ...stepTable(rows),
    '',
    '| | |',
    '|---|---|',
    `| live memory a connected proxy | ${kib(connect.live)} |`,
    `| growth of the process for one more proxy, from ${steps[1]} to ${steps.at(-1)} | ${kib(perProxy(growth, 'rss').oneMore)} |`,
  ];
}
