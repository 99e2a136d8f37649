// Who is let in when, exactly, on a loop that turns by hand.

import { expect, test } from 'vitest';
import { defaultAdmissionLimits, type AdmissionLimits } from '../../../server/admission/admission-limits.ts';
import { ConnectionGate } from '../../../server/admission/connection-gate.ts';
import { FakeLoop } from './fake-loop.ts';

interface Scene {
  readonly loop: FakeLoop;
  readonly gate: ConnectionGate;
  /** `NAME in` or `NAME out`, in order. */
  readonly told: string[];
  readonly refused: string[];
  readonly busy: { value: boolean };
  /** Of the processes that serve what is let in. */
  readonly others: { lagMs: number };
  readonly come: (count: number, name?: string) => void;
}

function scene(limits: Partial<AdmissionLimits> = {}): Scene {
  const loop = new FakeLoop();
  const told: string[] = [];
  const refused: string[] = [];
  const busy = { value: false };
  const others = { lagMs: 0 };
  const gate = new ConnectionGate({
    limits: { ...defaultAdmissionLimits, handshakes: { perSecond: 100, burst: 2 }, ...limits },
    busy: () => busy.value,
    othersLagMs: () => others.lagMs,
    counts: { admitted: () => undefined, refused: (reason) => refused.push(reason), looked: () => undefined },
    now: loop.now,
    after: loop.after,
  });
  const come = (count: number, name = 'c'): void => {
    for (let nth = 0; nth < count; nth += 1) {
      gate.enter({ admit: () => told.push(`${name}${nth} in`), refuse: () => told.push(`${name}${nth} out`) });
    }
  };
  return { loop, gate, told, refused, busy, others, come };
}

test('a few are let in at once, the others in order at the rate', () => {
  const { loop, gate, told, come } = scene();
  come(10);
  expect(told).toEqual(['c0 in', 'c1 in']);
  loop.pass(30);
  expect(told.slice(2)).toEqual(['c2 in', 'c3 in', 'c4 in']);
  loop.pass(50);
  expect(told).toHaveLength(10);
  expect(gate.waiting).toBe(0);
});

test('nobody overtakes those who wait', () => {
  const { loop, told, come } = scene();
  come(3);
  loop.work(1000);
  come(1, 'late');
  expect(told).toEqual(['c0 in', 'c1 in']);
  loop.pass(1000);
  expect(told).toEqual(['c0 in', 'c1 in', 'c2 in', 'late0 in']);
});

test('nobody is let in while those before have more to do than they may', () => {
  const { loop, told, busy, come } = scene();
  busy.value = true;
  come(1);
  loop.pass(500);
  expect(told).toEqual([]);
  busy.value = false;
  loop.pass(5);
  expect(told).toEqual(['c0 in']);
});

test('while the event loop is late nobody is let in, but for one a second', () => {
  const { loop, told, come } = scene();
  come(8);
  for (let nth = 0; nth < 9; nth += 1) {
    loop.work(100);
    loop.turn();
  }
  expect(told).toEqual(['c0 in', 'c1 in']);
  loop.work(100);
  loop.turn();
  expect(told).toEqual(['c0 in', 'c1 in', 'c2 in']);
});

test('one that waited as long as clients do is closed, and so is one that finds too many waiting', () => {
  const { loop, told, refused, busy, come } = scene({ connectionPatienceMs: 1000, maxWaitingConnections: 3 });
  busy.value = true;
  come(4);
  expect(told).toEqual(['c3 out']);
  loop.pass(1000);
  expect(told).toEqual(['c3 out', 'c0 out', 'c1 out', 'c2 out']);
  expect(refused).toEqual(['full', 'late', 'late', 'late']);
});

test('while the processes that serve connections are late nobody is let in, but for one a second', () => {
  const { loop, told, others, come } = scene();
  come(8);
  others.lagMs = 60;
  loop.pass(900);
  expect(told).toEqual(['c0 in', 'c1 in']);
  loop.pass(200);
  expect(told).toEqual(['c0 in', 'c1 in', 'c2 in']);
  others.lagMs = 10;
  loop.pass(100);
  expect(told).toHaveLength(8);
});
