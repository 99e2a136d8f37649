// The figures of a run as the generated part of docs/performance.md, and as a chart beside it. What people wrote around
// the generated part stays.

import { aimLines } from './aims.ts';
import { withGenerated } from './generated-part.ts';
import type { CertificateFigures } from './certificates/certificate-figures.ts';
import type { LoopDelay } from './certificates/loop-delay.ts';
import { barChart, type BarGroup } from './chart.ts';
import type { ExactCounts, Figures, LoadFigures, ReconnectFigures } from './figures.ts';
import { perProxy } from './memory/measure-growth.ts';
import { isPageSize } from './sizes/page-sizes.ts';

/** The page with this run's figures in it. @throws Error when the page has no place for them */
export function withFigures(page: string, figures: Figures): string {
  return withGenerated(
    withGenerated(page, 'npm run bench', generated(figures)),
    'npm run bench: aims',
    aimLines(figures),
  );
}

function generated(figures: Figures): readonly string[] {
  const { connect, connectTls, start, certificates, proxies } = figures;
  return [
    circumstances(figures),
    '',
    ...loadTable(figures, [
      ['all proxies connected, TLS', ms(connectTls.allMs), ms(connectTls.cpuMs), ...countCells(connectTls.counts)],
    ]),
    '',
    '| | |',
    '|---|---|',
    `| live memory a connected proxy, plaintext | ${kib(connect.live)} |`,
    `| live memory a connected proxy, TLS | ${kib(connectTls.live)} |`,
    `| growth of a new process for each of its first ${proxies} proxies, plaintext / TLS | ${kib(connect.rss)} / ${kib(connectTls.rss)} |`,
    ...growthRows(figures),
    `| start to ready, ${start.services} services and ${start.endpoints} endpoints, the median of ${start.eachReadyMs.length} starts | ${ms(start.readyMs)}, ${mib(start.rss)} resident |`,
    ...certificateRows(certificates),
    '',
    '![The same beside istiod](performance.svg)',
  ];
}

/** What the run was. */
export function circumstances(figures: LoadFigures): string {
  const source = figures.registry === 'kube' ? 'a real API server' : 'a registry directory';
  return (
    `${figures.at.slice(0, 10)}, Node ${figures.node}, ${figures.cores} cores for everything, load of the machine before ${figures.load.toFixed(1)}: ` +
    `${figures.services} services with ${figures.endpoints} endpoints each, ${figures.proxies} sidecars, ${source}, allocator ${figures.allocator}.`
  );
}

/** A row a step. `furtherConnects`: the rows of other ways to connect. */
export function loadTable(
  { connect, endpointChange, routeChange, reconnect }: LoadFigures,
  furtherConnects: readonly (readonly string[])[],
): readonly string[] {
  return stepTable([
    ['all proxies connected, plaintext', ms(connect.allMs), ms(connect.cpuMs), ...countCells(connect.counts)],
    ['the same with a warm server', ms(connect.againMs), '', '', '', '', ''],
    ...furtherConnects,
    ['endpoint change', times(endpointChange.last), ms(endpointChange.cpuMs), ...countCells(endpointChange.counts)],
    ['VirtualService change', times(routeChange.last), ms(routeChange.cpuMs), ...countCells(routeChange.counts)],
    ['all reconnect with what they hold', lastAnswer(reconnect), ms(reconnect.cpuMs), ...countCells(reconnect.counts)],
  ]);
}

/** Of each step: its name, when the last proxy had it, the processor time of the server, and the cells of the counts. */
export function stepTable(rows: readonly (readonly string[])[]): readonly string[] {
  return [
    '| | last proxy, p50 (p99) | CPU of the server | messages a proxy | KiB a proxy | resources a proxy | encoded, all together |',
    '|---|---|---|---|---|---|---|',
    ...rows.map((cells) => `| ${cells.join(' | ')} |`),
  ];
}

/** Nobody waits for anything when nothing is sent. */
export function lastAnswer({ tookMs, counts }: ReconnectFigures): string {
  return counts.messages === 0 ? 'nothing is sent' : ms(tookMs);
}

function growthRows({ growthTls }: Figures): readonly string[] {
  const [, first, last] = growthTls?.points ?? [];
  if (growthTls === undefined || first === undefined || last === undefined) return [];
  const oneMore = kib(perProxy(growthTls, 'rss').oneMore);
  return [`| growth of the process for one more proxy, TLS, from ${first.proxies} to ${last.proxies} | ${oneMore} |`];
}

function certificateRows({ alone, pushesAlone, whilePushing }: CertificateFigures): readonly string[] {
  const { changes, proxies, last } = whilePushing;
  return [
    `| certificates a second, a process that does nothing else | ${alone.perSecond}; event loop: ${loopCell(alone.loop)} |`,
    `| certificates a second while ${changes} endpoint changes, five a second, go to ${proxies} proxies | ${whilePushing.perSecond}; event loop: ${loopCell(whilePushing.loop)}; the last proxy has a change after ${times(last)} |`,
    `| the same changes without certificates | event loop: ${loopCell(pushesAlone.loop)}; the last proxy has a change after ${times(pushesAlone.last)} |`,
  ];
}

function loopCell({ p50, p99, longest, arrivalP99 }: LoopDelay): string {
  return `p50 ${ms(p50)}, p99 ${ms(p99)}, longest turn ${ms(longest)}, 99 % of what comes waits at most ${ms(arrivalP99)}`;
}

/** istiod of August 2026 under the same kind of load; of a range, the middle is drawn and the range is written. */
const istiod = {
  endpoint: { value: 125, text: '125 ms' },
  route: { value: 365, text: '320 to 410 ms' },
  routeBytes: { value: 107 * 1024, text: '107 KiB' },
  connect: { value: 2650, text: '1.5 to 3.8 s' },
  reconnectResources: { value: 410, text: '410' },
} as const;

/** Undefined for a run of another size than the one that istiod was measured with. */
export function chartOf(figures: Figures): string | undefined {
  if (!isPageSize(figures)) return undefined;
  const { endpointChange, routeChange, connect, reconnect } = figures;
  const group = (
    title: string,
    theirs: { readonly value: number; readonly text: string },
    ours: number,
    write: (value: number) => string,
  ): BarGroup => ({
    title,
    bars: [
      { label: 'istiod', ...theirs, ours: false },
      { label: 'Isthmus', value: ours, text: write(ours), ours: true },
    ],
  });
  return barChart([
    group('endpoint change, last of 200 proxies', istiod.endpoint, endpointChange.last.p50, ms),
    group('VirtualService change, last of 200 proxies', istiod.route, routeChange.last.p50, ms),
    group('VirtualService change, sent to each proxy', istiod.routeBytes, routeChange.counts.bytes, kib),
    group('200 proxies connect', istiod.connect, connect.allMs, ms),
    group(
      '200 proxies reconnect: resources sent to each',
      istiod.reconnectResources,
      reconnect.counts.resources,
      String,
    ),
  ]);
}

export function countCells({ messages, bytes, resources, removed, encodings }: ExactCounts): readonly string[] {
  return [String(messages), (bytes / 1024).toFixed(2), String(resources + removed), String(encodings)];
}

export function times({ p50, p99 }: { readonly p50: number; readonly p99: number }): string {
  return `${ms(p50)} (${ms(p99)})`;
}

export function ms(value: number): string {
  return value < 100 ? `${value.toFixed(1)} ms` : `${Math.round(value)} ms`;
}

export function kib(bytes: number): string {
  const value = bytes / 1024;
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} KiB`;
}

function mib(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(0)} MiB`;
}
