// The figures of steady changes, as their own generated part of docs/performance.md.

import { withGenerated } from '../generated-part.ts';
import type { Memory } from '../inspector.ts';
import type { ChurnFigures, ChurnMinute, ChurnSummary, Latency } from './churn-figures.ts';
import type { ChurnMesh } from './churn-mesh.ts';

export interface ChurnRun extends ChurnMesh, ChurnFigures {
  readonly at: string;
  readonly node: string;
  readonly cores: number;
  /** Of the machine, when the run began. */
  readonly load: number;
  readonly registry: 'kube' | 'directory';
  readonly allocator: string;
  readonly proxies: number;
  /** With client certificates; else plaintext. */
  readonly tls: boolean;
  /** Two clusters on two networks, and half of the services change in the remote. */
  readonly regions: boolean;
  readonly workers: number;
  /** Changes a second. */
  readonly asked: number;
  readonly connectMs: number;
  /** With all proxies connected, after a collection. */
  readonly before: Memory;
  readonly after: Memory;
}

/** The page with this run's figures in it. @throws Error when the page has no place for them */
export function withChurn(page: string, run: ChurnRun): string {
  return withGenerated(page, `npm run bench -- --churn${run.regions ? ' --regions' : ''}`, churnLines(run));
}

export function churnLines(run: ChurnRun): readonly string[] {
  const { before, after } = run;
  const remote =
    'the same in a second cluster on another network, whose gateway leads to its pods and in which half of the services change, ';
  return [
    `${run.at.slice(0, 10)}, Node ${run.node}, ${run.cores} cores for everything, load of the machine before ${run.load.toFixed(1)}: ` +
      `${run.services} services with ${run.endpoints} endpoints each in ${run.namespaces} namespaces, ${run.registry === 'kube' ? 'a real API server' : 'a registry directory'}, ` +
      `${run.regions ? remote : ''}${run.proxies} proxies ${run.tls ? 'over TLS with client certificates' : 'in plaintext'}${run.workers === 0 ? '' : `, ${run.workers} workers`}, allocator ${run.allocator}.`,
    '',
    `${run.changes} changes in ${run.seconds} s, ${run.rate.toFixed(1)} a second (asked: ${run.asked}), after ${run.warmUpSeconds} s that do not count; ` +
      `${run.messages} messages to proxies; ${run.folded} changes that some proxy was never sent, since a newer one of the same service was there. ` +
      `Live and resident memory after a collection: ${mib(before.live)} and ${mib(before.rss)} MiB before, ${mib(after.live)} and ${mib(after.rss)} MiB after.`,
    '',
    '| minute | changes | from being sent to the registry, p50 / p99 / latest, ms | from being stored | later than 100 ms | CPU of server / proxies / writers / API server, % of a core | live, resident MiB | longest turn, collection, ms |',
    '|---|---|---|---|---|---|---|---|',
    ...run.minutes.map((minute, index) => row([String(index + 1), ...timeCells(minute), ...costCells(minute)])),
    row(['all', ...timeCells(run), '', '', '']),
  ];
}

function row(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}

function timeCells({ changes, written, stored, late }: ChurnSummary): readonly string[] {
  return [String(changes), latency(written), latency(stored), `${(late * 100).toFixed(2)} %`];
}

function costCells(minute: ChurnMinute): readonly string[] {
  const { serverCpu, clientsCpu, writersCpu, registryCpu, live, rss } = minute;
  return [
    [serverCpu, clientsCpu, writersCpu, registryCpu].map((share) => (share * 100).toFixed(0)).join(' / '),
    `${live === undefined ? 'no collection' : mib(live)}, ${mib(rss)}`,
    `${minute.longestTurnMs.toFixed(0)}, ${minute.longestCollectionMs.toFixed(0)}`,
  ];
}

function latency({ p50, p99, max }: Latency): string {
  return [p50, p99, max].map((value) => value.toFixed(0)).join(' / ');
}

function mib(bytes: number): string {
  return (bytes / 1024 / 1024).toFixed(0);
}
