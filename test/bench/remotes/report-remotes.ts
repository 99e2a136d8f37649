// The figures of a run with remotes, as their own generated part of docs/performance.md.

import { withGenerated } from '../generated-part.ts';
import type { RemoteFigures } from './measure-remotes.ts';

export interface RemoteRun extends RemoteFigures {
  readonly at: string;
  readonly node: string;
  /** Of the machine when the run began. */
  readonly load: number;
  readonly remotes: number;
  /** In each remote. */
  readonly services: number;
  readonly pods: number;
  /** With `--state-dir`. */
  readonly remembered: boolean;
}

/** The page with this run's figures in it. @throws Error when the page has no place for them */
export function withRemotes(page: string, run: RemoteRun): string {
  return withGenerated(page, 'npm run bench -- --remotes', remoteLines(run));
}

export function remoteLines(run: RemoteRun): readonly string[] {
  const { before, synced, changed, removed, bytes } = run;
  const pods = run.pods * run.remotes;
  const left = removed.live - before.live;
  return [
    `${run.at.slice(0, 10)}, Node ${run.node}, load of the machine before ${run.load.toFixed(1)}: ${run.remotes} remotes on other networks, each ` +
      `${run.pods} pods in ${run.services} services, ${run.remembered ? 'with' : 'without'} \`--state-dir\`, no proxy connected.`,
    '',
    '| | |',
    '|---|---|',
    `| objects read, as the API servers send them | ${mib(bytes)} |`,
    `| first sync of both | ${(run.syncMs / 1000).toFixed(1)} s, ${(run.syncCpuMs / 1000).toFixed(1)} s of CPU |`,
    `| live memory a remote pod | ${kib((synced.live - before.live) / pods)} |`,
    `| live memory, before and after | ${mib(before.live)} and ${mib(synced.live)} |`,
    `| resident memory, before and after | ${mib(before.rss)} and ${mib(synced.rss)} (at most ${mib(run.peakRss)}) |`,
    `| resident growth a remote pod | ${kib((synced.rss - before.rss) / pods)} |`,
    `| CPU while ${run.changedPerSecond.toFixed(0)} pods a second change | ${(run.changingCpuShare * 100).toFixed(1)} % of a core |`,
    `| live memory after ${run.changes} changes | ${mib(changed.live)} |`,
    `| live memory once the remotes are removed | ${mib(removed.live)}, ${percent(left / before.live)} of what it was before them |`,
  ];
}

function percent(share: number): string {
  return `${share < 0 ? '−' : '+'}${Math.abs(share * 100).toFixed(1)} %`;
}

function kib(bytes: number): string {
  return `${(bytes / 1024).toFixed(2)} KiB`;
}

function mib(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}
