// When an instance rehearses, and when it does not: a real registry as its primary, told by hand.

import { setImmediate as turn } from 'node:timers/promises';
import { beforeEach, expect, it } from 'vitest';
import { defaultMeshConfig } from '../../../discovery/model/mesh-config.ts';
import { clusterId, networkId } from '../../../discovery/model/names.ts';
import { ClusterRegistry } from '../../../discovery/registry/cluster-registry.ts';
import { Started } from '../../../server/lifecycle.ts';
import { openRehearsal } from '../../../server/open-rehearsal.ts';
import { memoryLog } from '../../support/memory-log.ts';
import { waitFor } from '../../support/wait-for.ts';

let primary: ClusterRegistry;
let started: Started;
let logged: ReturnType<typeof memoryLog>;
let connections: { size: number };

beforeEach(() => {
  primary = new ClusterRegistry({
    clusterId: clusterId('cluster-1'),
    mode: 'primary',
    source: { description: 'told by hand', scope: 'primary', run: () => Promise.resolve() },
    network: networkId('network1'),
    config: defaultMeshConfig,
    meshNetworks: { networks: [] },
    now: Date.now,
  });
  started = new Started();
  logged = memoryLog();
  connections = { size: 0 };
});

function open(options: { readonly workers?: number } = {}): void {
  const { workers = 0 } = options;
  const ready = (): boolean => primary.known;
  openRehearsal({ config: { workers }, ready, primary, connections, log: logged.log, started });
}

const stop = (): Promise<void> =>
  started.stop((name, error) => {
    throw new Error(`${name} did not stop`, { cause: error });
  });

it('begins once the primary is read, after whoever asks then has heard that the instance is ready', async () => {
  const order: string[] = [];
  open();
  primary.fold([{ kind: 'connected' }]);
  for (let turns = 0; turns < 20; turns += 1) await turn();
  expect(logged.lines).toEqual([]);
  primary.fold([{ kind: 'synced' }]);
  setImmediate(() => order.push(`ready, with ${logged.lines.length} lines`));
  await waitFor(
    () => logged.lines.length,
    (lines) => lines > 0,
    { what: 'the rehearsal to end' },
  );
  order.push(...logged.lines.map(({ msg }) => String(msg)));
  expect(order).toEqual(['ready, with 0 lines', 'rehearsed']);
  expect(logged.lines[0]).toMatchObject({ level: 20, tookMs: expect.any(Number), changes: expect.any(Number) });
  await stop();
});

it('happens once, however often the primary changes', async () => {
  connections.size = 1;
  open();
  for (let changes = 0; changes < 3; changes += 1) primary.fold([{ kind: 'connected' }, { kind: 'synced' }]);
  await stop();
  expect(logged.lines).toHaveLength(1);
});

it('is not held when proxies are connected by then', async () => {
  connections.size = 1;
  primary.fold([{ kind: 'synced' }]);
  open();
  await stop();
  expect(logged.lines).toMatchObject([{ msg: 'rehearsed', tookMs: 0, changes: 0, assignments: 0 }]);
});

it('is cut off when the instance stops, which waits for its end', async () => {
  primary.fold([{ kind: 'synced' }]);
  open();
  await stop();
  expect(logged.lines).toMatchObject([{ msg: 'rehearsed', changes: 0 }]);
});

it('does not begin any more when the instance has stopped', async () => {
  open();
  await stop();
  primary.fold([{ kind: 'synced' }]);
  for (let turns = 0; turns < 20; turns += 1) await turn();
  expect(logged.lines).toEqual([]);
});

it('is left out with workers, which serve the connections', async () => {
  primary.fold([{ kind: 'synced' }]);
  open({ workers: 2 });
  await stop();
  expect(logged.lines).toEqual([]);
});
