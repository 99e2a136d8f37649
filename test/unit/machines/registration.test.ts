// Entries of machines that register: made, taken over, left, removed once.

import { describe, expect, test } from 'vitest';
import { KubeError } from '../../../discovery/source/kube/kube-error.ts';
import { entryName } from '../../../server/machines/machine-entry.ts';
import { entry, graceMs, machine, MachineScene } from './machine-scene.ts';

test('a machine that connects has an entry of its group, with its address, network and place', async () => {
  const scene = new MachineScene();
  scene.replica('a').hold(machine);
  await scene.settle();
  const stored = await scene.stored();
  expect(stored?.['metadata']).toHaveProperty('labels', { app: 'ratings' });
  expect(stored).toMatchObject({
    kind: 'WorkloadEntry',
    metadata: {
      name: entry.name,
      labels: { app: 'ratings' },
      annotations: {
        'istio.io/autoRegistrationGroup': 'ratings',
        'istio.io/workloadController': 'a',
        'istio.io/connectedAt': '2030-01-01T00:00:00.000Z',
        'proxy.istio.io/health-checks-enabled': 'true',
      },
    },
    spec: {
      address: '192.0.2.7',
      serviceAccount: 'ratings',
      ports: { http: 9080 },
      labels: { app: 'ratings' },
      network: 'network-1',
      locality: 'r1/z1',
    },
  });
});

test('what the agent reports is the condition Healthy', async () => {
  const scene = new MachineScene();
  const held = scene.replica('a').hold(machine);
  held.report({ healthy: false, message: 'connection refused' });
  await scene.settle();
  expect(await scene.stored()).toMatchObject({
    status: { conditions: [{ type: 'Healthy', status: 'False', message: 'connection refused' }] },
  });
  held.report({ healthy: true, message: '' });
  await scene.settle();
  expect(await scene.stored()).toMatchObject({ status: { conditions: [{ type: 'Healthy', status: 'True' }] } });
});

test('the last that a machine says before it leaves is written', async () => {
  const scene = new MachineScene();
  const held = scene.replica('a').hold(machine);
  await scene.settle();
  held.report({ healthy: false, message: 'the agent is stopping' });
  held.release();
  held.report({ healthy: true, message: '' });
  await scene.settle();
  expect(await scene.stored()).toMatchObject({
    metadata: { annotations: { 'istio.io/disconnectedAt': expect.any(String) as string } },
    status: { conditions: [{ type: 'Healthy', status: 'False', message: 'the agent is stopping' }] },
  });
});

test('the entry of a machine that left is removed after the grace period, once', async () => {
  const scene = new MachineScene();
  const [a, b] = [scene.replica('a'), scene.replica('b')];
  const held = a.hold(machine);
  await scene.settle();
  await scene.look(b);
  held.release();
  await scene.settle();
  await scene.look(b);
  await scene.pass(graceMs - 1000, b);
  expect(await scene.stored()).toBeDefined();
  await scene.pass(3000, b);
  expect(await scene.stored()).toBeUndefined();
  await scene.pass(graceMs, a);
  expect(scene.removed).toEqual([entry.name]);
  expect(a.registrar.size).toBe(0);
});

test('the entry of a machine that left is removed at whatever version others made of it meanwhile', async () => {
  const scene = new MachineScene();
  const a = scene.replica('a');
  const held = a.hold(machine);
  await scene.settle();
  held.release();
  await scene.settle();
  await scene.writeUnread();
  await scene.pass(2 * graceMs, a);
  expect(scene.removed).toEqual([entry.name]);
});

test('a machine that moves to the other replica within the grace period stays', async () => {
  const scene = new MachineScene();
  const [a, b] = [scene.replica('a'), scene.replica('b')];
  const before = a.hold(machine);
  await scene.settle();
  before.release();
  await scene.settle();
  await scene.pass(graceMs / 2, a);
  b.hold(machine);
  await scene.settle();
  await scene.pass(4 * graceMs, a);
  expect(await scene.controller()).toBe('b');
  expect(scene.removed).toEqual([]);
});

test('the end of an earlier stream does not end what a later one elsewhere began', async () => {
  const scene = new MachineScene();
  const [a, b] = [scene.replica('a'), scene.replica('b')];
  const before = a.hold(machine);
  await scene.settle();
  scene.clock.advance(1000);
  b.hold(machine);
  await scene.settle();
  before.release();
  await scene.settle();
  expect(await scene.controller()).toBe('b');
  expect(await scene.stored()).toMatchObject({
    metadata: { annotations: { 'istio.io/connectedAt': expect.any(String) as string } },
  });
});

test('a replica that still has a stream takes the entry back when the one with the later stream loses it', async () => {
  const scene = new MachineScene();
  const [a, b] = [scene.replica('a'), scene.replica('b')];
  a.hold(machine);
  await scene.settle();
  scene.clock.advance(1000);
  const later = b.hold(machine);
  await scene.settle();
  later.release();
  await scene.settle();
  expect(await scene.controller()).toBe('a');
});

test('of two streams to one replica the last one to end counts', async () => {
  const scene = new MachineScene();
  const a = scene.replica('a');
  const [one, other] = [a.hold(machine), a.hold(machine)];
  await scene.settle();
  one.release();
  one.release();
  await scene.pass(3 * graceMs, a);
  expect(await scene.stored()).toBeDefined();
  other.release();
  await scene.pass(2 * graceMs, a);
  expect(await scene.stored()).toBeUndefined();
});

test('entries of a replica that crashed go, those of one that lives stay', async () => {
  const scene = new MachineScene();
  const [a, b, leader] = [scene.replica('a'), scene.replica('b'), scene.replica('leader')];
  for (const last of [1, 2, 3]) a.hold({ ...machine, address: `192.0.2.${last}` });
  for (const last of [4, 5]) b.hold({ ...machine, address: `192.0.2.${last}` });
  await scene.settle();
  await a.crash();
  await scene.pass(8 * graceMs, leader);
  expect(scene.removed.toSorted()).toEqual([1, 2, 3].map((last) => `ratings-192.0.2.${last}-network-1`));
  expect([...leader.heard.entries()].map(({ ref }) => ref.name)).toEqual(
    [4, 5].map((last) => `ratings-192.0.2.${last}-network-1`),
  );
});

test('an entry that somebody deletes comes back while its machine is connected and its group is there', async () => {
  const scene = new MachineScene();
  const a = scene.replica('a');
  a.hold(machine);
  await scene.settle();
  await scene.remove();
  await scene.settle();
  expect(await scene.stored()).toBeDefined();
});

test('what the API server refuses is written once it takes it', async () => {
  const scene = new MachineScene();
  scene.failure = new KubeError('unreachable', 'the API server is away');
  scene.replica('a').hold(machine);
  await scene.settle();
  expect(await scene.stored()).toBeUndefined();
  scene.failure = undefined;
  scene.clock.advance(20_000);
  await scene.settle();
  expect(await scene.stored()).toBeDefined();
});

test('names are of addresses of both families, and never too long', () => {
  expect(entryName({ ...machine, address: '2001:db8::7', network: '' })).toBe('ratings-2001-db8--7');
  const long = entryName({ ...machine, group: 'g'.repeat(253) });
  expect(long).toHaveLength(253);
  expect(long.endsWith('-192.0.2.7-network-1')).toBe(true);
});

describe('an address that a connected machine has', () => {
  const behindNat = { ...machine, from: '198.51.100.1' };
  const stranger = { ...machine, from: '203.0.113.9' };
  const holderOf = async (scene: MachineScene): Promise<unknown> =>
    ((await scene.stored()) as { readonly metadata: { readonly annotations: Record<string, string> } }).metadata
      .annotations['isthmus.io/connected-from'];

  test('is not given to a stream from elsewhere, until that machine is gone', async () => {
    const scene = new MachineScene();
    const replica = scene.replica('a');
    const held = replica.hold(behindNat);
    await scene.settle();
    expect(replica.registrar.hold(stranger, entry.apiVersion)).toBeUndefined();
    const again = replica.hold(behindNat);
    held.release();
    expect(replica.registrar.hold(stranger, entry.apiVersion)).toBeUndefined();
    again.release();
    await scene.settle();
    replica.hold(stranger);
    await scene.settle();
    expect(await holderOf(scene)).toBe('203.0.113.9');
  });

  test('is not given to one at another replica either, until that machine is gone', async () => {
    const scene = new MachineScene();
    const [a, b] = [scene.replica('a'), scene.replica('b')];
    const held = a.hold(behindNat);
    await scene.settle();
    scene.clock.advance(1000);
    b.hold(stranger);
    await scene.settle();
    expect(await scene.controller()).toBe('a');
    held.release();
    await scene.settle();
    expect(await scene.controller()).toBe('b');
  });

  test('is given to a machine that connects from it, and who held it before has no say any more', async () => {
    const scene = new MachineScene();
    const [a, b] = [scene.replica('a'), scene.replica('b')];
    const imposter = a.hold(stranger);
    await scene.settle();
    scene.clock.advance(1000);
    const own = a.hold(machine);
    await scene.settle();
    expect(await holderOf(scene)).toBe('192.0.2.7');
    imposter.report({ healthy: false, message: 'forged' });
    imposter.release();
    await scene.settle();
    expect(await scene.stored()).not.toHaveProperty('status.conditions.0.status', 'False');
    expect(await scene.controller()).toBe('a');
    own.release();
    const other = b.hold(stranger);
    await scene.settle();
    scene.clock.advance(1000);
    a.hold(machine);
    await scene.settle();
    expect(await scene.controller()).toBe('a');
    other.release();
    await scene.settle();
    expect(await scene.controller()).toBe('a');
  });
});
