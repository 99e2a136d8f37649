// Findings of a running instance: looked for after a push that they may follow from, and not while clusters are still being read.

import { expect, test, vi } from 'vitest';
import { MeshStore } from '../../../discovery/mesh/mesh-store.ts';
import { defaultMeshConfig } from '../../../discovery/model/mesh-config.ts';
import { clusterId } from '../../../discovery/model/names.ts';
import type { Problem } from '../../../discovery/model/problem.ts';
import { MeshFindings, withoutRepeats } from '../../../server/mesh-findings.ts';
import { serviceManifest, sliceManifest } from '../../support/kube-objects.ts';
import { changed, deleted, syncedCluster } from '../discovery/cluster-scene.ts';

const rule = {
  apiVersion: 'networking.istio.io/v1',
  kind: 'DestinationRule',
  metadata: { name: 'store', namespace: 'sample' },
  spec: { host: 'store' },
};

function scene(): {
  readonly cluster: ReturnType<typeof syncedCluster>;
  readonly findings: MeshFindings;
  readonly told: (readonly Problem[])[];
  readonly counts: { searches: number };
  readonly turn: () => void;
  readonly state: { ready: boolean };
} {
  const tasks: (() => void)[] = [];
  const schedule = (task: () => void): void => void tasks.push(task);
  const store = new MeshStore({ primary: clusterId('cluster-1'), config: defaultMeshConfig, schedule });
  const cluster = syncedCluster([serviceManifest('other')]);
  const told: (readonly Problem[])[] = [];
  const counts = { searches: 0 };
  const state = { ready: true };
  const findings = new MeshFindings({
    store,
    schedule: (task) => {
      tasks.push(task);
      return () => void tasks.splice(0, tasks.length, ...tasks.filter((one) => one !== task));
    },
    now: () => 0,
    ready: () => state.ready,
    onSearched: () => {
      counts.searches += 1;
    },
    onChange: (problems) => told.push(problems),
  });
  store.add(cluster);
  const turn = (): void => {
    while (tasks.length > 0) for (const task of tasks.splice(0)) task();
  };
  turn();
  return { cluster, findings, told, counts, turn, state };
}

/** On a clock of its own, which vitest moves. */
function timedScene(): Disposable & {
  readonly findings: MeshFindings;
  readonly told: (readonly Problem[])[];
  readonly edit: (host: string) => void;
} {
  vi.useFakeTimers();
  const store = new MeshStore({ primary: clusterId('cluster-1'), config: defaultMeshConfig, schedule: () => {} });
  const cluster = syncedCluster([serviceManifest('other')]);
  store.add(cluster);
  const told: (readonly Problem[])[] = [];
  const findings = new MeshFindings({ store, ready: () => true, onChange: (problems) => told.push(problems) });
  store.flush();
  vi.advanceTimersByTime(5_000);
  return {
    findings,
    told,
    edit: (host) => {
      cluster.fold([changed({ ...rule, spec: { host } })]);
      store.flush();
    },
    [Symbol.dispose]: () => {
      findings.close();
      vi.useRealTimers();
    },
  };
}

test('a finding is told when it comes and when it is gone', () => {
  const { cluster, findings, told, turn } = scene();
  cluster.fold([changed(rule)]);
  turn();
  expect(findings.current).toMatchObject([{ code: 'unknown-host', object: 'DestinationRule/sample/store' }]);
  cluster.fold([changed(serviceManifest('store'))]);
  turn();
  expect(findings.current).toEqual([]);
  expect(told.map(({ length }) => length)).toEqual([1, 0]);
});

test('several changes of one turn are one search, and endpoints are none', () => {
  const { cluster, counts, turn } = scene();
  const before = counts.searches;
  cluster.fold([changed(rule)]);
  cluster.fold([changed(serviceManifest('store'))]);
  cluster.fold([deleted('Service', 'other')]);
  turn();
  expect(counts.searches).toBe(before + 1);
  cluster.fold([changed(sliceManifest('store-1', 'store', ['10.0.0.1']))]);
  turn();
  expect(counts.searches).toBe(before + 1);
});

test('who asks before the next search has the findings of this moment, and they are told once', () => {
  using timed = timedScene();
  const { findings, told, edit } = timed;
  const before = told.length;
  edit('store-1');
  expect(told).toHaveLength(before);
  expect(findings.current).toMatchObject([{ code: 'unknown-host', message: expect.stringContaining('store-1') }]);
  vi.advanceTimersByTime(5_000);
  expect(told).toHaveLength(before + 1);
});

test('however many changes come, a second has one search, and the last of them is among what is searched', () => {
  using timed = timedScene();
  const { told, edit } = timed;
  const before = told.length;
  for (let nth = 0; nth < 40; nth += 1) {
    edit(`store-${nth}`);
    vi.advanceTimersByTime(50);
  }
  vi.advanceTimersByTime(1_000);
  expect(told.length - before).toBeLessThanOrEqual(4);
  expect(told.at(-1)).toMatchObject([{ message: expect.stringContaining('store-39') }]);
});

test('nothing is looked for after the end', () => {
  const { cluster, findings, counts, turn } = scene();
  const before = counts.searches;
  cluster.fold([changed(rule)]);
  findings.close();
  turn();
  expect(counts.searches).toBe(before);
});

test('what two lists say of one field is listed once, as the first says it', () => {
  const of = (field: string, message: string): Problem => ({ severity: 'warning', code: 'x', field, message });
  const first = [of('a', 'first')];
  expect(withoutRepeats(first, [of('a', 'second'), of('b', 'second')])).toEqual([of('a', 'first'), of('b', 'second')]);
});
