// `npm run bench -- --remotes`: what two large remotes cost an instance that only discovers them. Writes .cache/bench/remotes-*.json
// and its own part of docs/performance.md.

import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import type { BenchOptions } from '../options.ts';
import { openDirectory } from '../registry.ts';
import { network, startServer } from '../server-under-test.ts';
import { measureRemotes, type RemoteFigures } from './measure-remotes.ts';
import { RemoteCluster } from './remote-cluster.ts';
import { namespaceObjects } from '../manifests.ts';
import { remoteLines, withRemotes, type RemoteRun } from './report-remotes.ts';

const changesPerSecond = 50;
const remoteCount = 2;

export interface RunRemotesOptions {
  readonly options: BenchOptions;
  /** Where JSON and profiles go. */
  readonly directory: string;
  readonly reportFile: string;
  readonly say: (line: string) => void;
}

export async function runRemotes({ options, directory, reportFile, say }: RunRemotesOptions): Promise<void> {
  const size = options.quick ? { services: 100, pods: 1_000 } : { services: 1_000, pods: 10_000 };
  await mkdir(directory, { recursive: true });
  const load = loadavg()[0] ?? 0;
  say(`starting ${remoteCount} clusters with ${size.pods} pods in ${size.services} services each`);
  const remotes: RemoteCluster[] = [];
  try {
    for (let index = 0; index < remoteCount; index += 1) {
      remotes.push(await RemoteCluster.open({ ...size, network: `network${index + 2}`, index }));
    }
    const run: RemoteRun = {
      at: new Date().toISOString(),
      node: process.version,
      load,
      remotes: remoteCount,
      ...size,
      remembered: options.remember,
      ...(await measure(remotes, size, { options, say })),
    };
    await writeFile(
      join(directory, `remotes-${run.at.replaceAll(':', '-')}.json`),
      `${JSON.stringify(run, undefined, 2)}\n`,
    );
    for (const line of remoteLines(run)) say(line);
    if (options.report && !options.quick)
      await writeFile(reportFile, withRemotes(await readFile(reportFile, 'utf8'), run));
  } finally {
    for (const remote of remotes) await remote[Symbol.asyncDispose]();
  }
}

async function measure(
  remotes: readonly RemoteCluster[],
  size: { readonly services: number; readonly pods: number },
  { options, say }: Pick<RunRemotesOptions, 'options' | 'say'>,
): Promise<RemoteFigures> {
  await using directory = await openDirectory();
  const registry = options.remember ? directory : { ...directory, argv: ['--registry', directory.path] };
  await registry.write(...namespaceObjects(network));
  await using server = await startServer(registry);
  const { profiles } = options;
  const snapshot = (name: string): (() => Promise<void>) | undefined =>
    profiles === undefined ? undefined : () => server.inspector.heapSnapshot(join(profiles, `${name}.heapsnapshot`));
  return await measureRemotes({
    ...size,
    remotes,
    registry,
    server,
    seconds: options.churnSeconds === 0 ? 20 : options.churnSeconds,
    rate: changesPerSecond,
    say,
    profile: profiles === undefined ? undefined : join(profiles, 'changing-remotes.cpuprofile'),
    onSynced: snapshot('remotes-synced'),
    onRemoved: snapshot('remotes-removed'),
  });
}
