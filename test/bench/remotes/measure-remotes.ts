// What an instance pays for remotes that it only discovers: two clusters on other networks are added, change, and are removed,
// while nothing is connected. In: the clusters and an instance that knows neither. Out: figures.

import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { ClusterStatus } from '../../../discovery/model/cluster-snapshot.ts';
import type { TestObject } from '../../support/kube-api.ts';
import { waitFor } from '../../support/wait-for.ts';
import type { Memory } from '../inspector.ts';
import type { BenchRegistry } from '../registry.ts';
import type { ServerUnderTest } from '../server-under-test.ts';
import type { RemoteCluster } from './remote-cluster.ts';
import type { RemoteSize } from './remote-objects.ts';

export interface RemoteFigures {
  /** Of the objects of all remotes, as API servers send them. */
  readonly bytes: number;
  /** From the Secrets until every pod of both is known. */
  readonly syncMs: number;
  /** Processor time of the instance meanwhile. */
  readonly syncCpuMs: number;
  readonly before: Memory;
  readonly synced: Memory;
  /** The most that was resident at any time. */
  readonly peakRss: number;
  readonly changes: number;
  readonly changedPerSecond: number;
  /** Processor time of the instance while pods change, as a share of one core. */
  readonly changingCpuShare: number;
  readonly changed: Memory;
  readonly removed: Memory;
}

export interface MeasureOptions extends RemoteSize {
  readonly remotes: readonly RemoteCluster[];
  readonly registry: BenchRegistry;
  readonly server: ServerUnderTest;
  readonly seconds: number;
  /** Pods a second, of all remotes together. */
  readonly rate: number;
  readonly say: (line: string) => void;
  /** Where a CPU profile of the changes goes. */
  readonly profile?: string | undefined;
  /** Called when everything has been read. */
  readonly onSynced?: (() => Promise<void>) | undefined;
  /** Called when everything is gone again. */
  readonly onRemoved?: (() => Promise<void>) | undefined;
}

/**
 * Everything is read, and removed, twice. The first time loads the Kubernetes client library and has the engine compile what
 * reading needs: forty megabytes that stay and belong to no remote. The second time says what the remotes themselves take.
 */
export async function measureRemotes(options: MeasureOptions): Promise<RemoteFigures> {
  const { remotes, server, say } = options;
  const { inspector } = server;
  const bytes = await sum(remotes.map((remote) => remote.bytes()));
  say('adding the remotes');
  const cpuMs = await inspector.cpuMs();
  const startMs = performance.now();
  await add(options);
  const syncMs = performance.now() - startMs;
  const syncCpuMs = (await inspector.cpuMs()) - cpuMs;
  await remove(options);
  const before = await settled(server);
  say('adding them again');
  await add(options);
  const synced = await settled(server);
  const peakRss = await peakOf(server);
  await options.onSynced?.();
  say('changing pods');
  const changing = await inspector.profile(options.profile, () => change(options));
  const changed = await settled(server);
  say('removing the remotes');
  await remove(options);
  const removed = await settled(server);
  await options.onRemoved?.();
  return { bytes, syncMs, syncCpuMs, before, synced, peakRss, ...changing, changed, removed };
}

const clusterIdOf = (index: number): string => `cluster-${index + 2}`;

/** Resolves when every pod of all remotes is known. */
async function add({ remotes, registry, server, pods }: MeasureOptions): Promise<void> {
  await registry.write(...remotes.map(({ kubeconfig }, index) => secretObject(clusterIdOf(index), kubeconfig)));
  const isKnown = ({ phase, endpoints }: ClusterStatus): boolean => phase === 'running' && endpoints >= pods;
  await untilRemotes(
    server,
    'every pod to be known',
    (found) => found.length === remotes.length && found.every((status) => isKnown(status)),
  );
}

async function remove({ remotes, registry, server }: MeasureOptions): Promise<void> {
  await registry.remove(...remotes.map(({ kubeconfig }, index) => secretObject(clusterIdOf(index), kubeconfig)));
  await untilRemotes(server, 'the remotes to be gone', (found) => found.length === 0);
}

/** Each pod stops being ready and is ready again the next time. */
async function change({
  remotes,
  server,
  pods,
  rate,
  seconds,
}: MeasureOptions): Promise<Pick<RemoteFigures, 'changes' | 'changedPerSecond' | 'changingCpuShare'>> {
  const cpuMs = await server.inspector.cpuMs();
  const startMs = performance.now();
  const endMs = startMs + seconds * 1000;
  const pending = new Set<Promise<void>>();
  let changes = 0;
  while (performance.now() < endMs) {
    const remote = remotes[changes % remotes.length];
    const turn = Math.floor(changes / remotes.length);
    const task = remote?.setReady(Math.floor(turn / 2) % pods, turn % 2 === 1) ?? Promise.resolve();
    pending.add(task);
    void task.finally(() => pending.delete(task));
    changes += 1;
    await delay(Math.max(0, startMs + (changes * 1000) / rate - performance.now()));
  }
  await Promise.all(pending);
  const tookMs = performance.now() - startMs;
  return {
    changes,
    changedPerSecond: (changes * 1000) / tookMs,
    changingCpuShare: ((await server.inspector.cpuMs()) - cpuMs) / tookMs,
  };
}

/** Memory that does not shrink any more: finished requests and their buffers are let go of over some turns. */
async function settled({ inspector }: ServerUnderTest): Promise<Memory> {
  let found = await inspector.memory();
  for (let again = 0; again < 5; again += 1) {
    await delay(500);
    const next = await inspector.memory();
    if (next.live < found.live) found = next;
  }
  return found;
}

async function untilRemotes(
  { instance }: ServerUnderTest,
  what: string,
  holds: (remotes: readonly ClusterStatus[]) => boolean,
): Promise<void> {
  const remotes = async (): Promise<readonly ClusterStatus[]> => {
    const statuses = (await instance.json('/api/v1/clusters')) as readonly ClusterStatus[];
    return statuses.filter(({ mode }) => mode === 'discovery-only');
  };
  await waitFor(remotes, holds, { what, timeoutMs: 120_000, intervalMs: 50 });
}

async function peakOf({ instance }: ServerUnderTest): Promise<number> {
  const status = await readFile(`/proc/${instance.process.pid}/status`, 'utf8');
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
}

function secretObject(clusterId: string, kubeconfig: string): TestObject {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      name: `istio-remote-secret-${clusterId}`,
      namespace: 'istio-system',
      labels: { 'istio/multiCluster': 'true' },
    },
    data: { [clusterId]: Buffer.from(kubeconfig).toString('base64') },
  };
}

async function sum(values: readonly Promise<number>[]): Promise<number> {
  return (await Promise.all(values)).reduce((total, value) => total + value, 0);
}
