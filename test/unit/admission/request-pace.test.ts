// The pace of streams, exactly, on a loop that turns by hand.

import { expect, test } from 'vitest';
import { defaultAdmissionLimits } from '../../../server/admission/admission-limits.ts';
import { ClientBudgets } from '../../../server/admission/client-budgets.ts';
import { RequestPace } from '../../../server/admission/request-pace.ts';
import { Turns } from '../../../server/admission/turns.ts';
import type { Call } from '../../../server/grpc/call.ts';
import type { GrpcStatus } from '../../../server/grpc/status.ts';
import { FakeLoop } from './fake-loop.ts';

const limits = {
  ...defaultAdmissionLimits,
  requests: { perSecond: 10, burst: 3 },
  connectionRequests: { perSecond: 1, burst: 0 },
  requestPatienceMs: 1000,
  maxHeldBytes: 1000,
};

type Caller = Pick<Call, 'address' | 'certificate'>;

const plaintext = (address: string): Caller => ({ address, certificate: undefined });
const known = (address: string, identity: string): Caller => ({
  address,
  certificate: { der: Buffer.alloc(0), uris: [identity] },
});

interface Scene {
  readonly loop: FakeLoop;
  readonly turns: Turns;
  readonly budgets: ClientBudgets;
  readonly pace: RequestPace;
  /** Of one more stream. */
  readonly open: (caller?: Caller) => RequestPace;
  readonly handled: number[];
  readonly refused: GrpcStatus[];
  readonly delays: () => number;
  /** A request as soon as the one before was handled, until the stream is refused. */
  readonly flood: () => void;
}

function scene(): Scene {
  const loop = new FakeLoop();
  const turns = new Turns({ ...limits, now: loop.now, afterEvents: loop.afterEvents });
  const handled: number[] = [];
  const refused: GrpcStatus[] = [];
  let delays = 0;
  const budgets = new ClientBudgets({ limits, now: loop.now, after: loop.after });
  const open = (caller = plaintext('10.0.0.1:1')): RequestPace => {
    const pace: RequestPace = new RequestPace({
      limits,
      joined: budgets.join(caller),
      turns,
      delayed: () => (delays += 1),
      heldTooMuch: () => undefined,
      refuse: (status) => {
        refused.push(status);
        pace.ended();
      },
      now: loop.now,
      after: loop.after,
    });
    return pace;
  };
  const pace = open();
  const flood = (): void =>
    pace.next(10, () => {
      handled.push(loop.now());
      if (refused.length === 0) loop.after(0, flood);
    });
  return { loop, turns, budgets, pace, open, handled, refused, delays: () => delays, flood };
}

test('a burst is handled at once, then requests are delayed to the rate', () => {
  const { loop, handled, delays, flood } = scene();
  flood();
  loop.pass(350);
  expect(handled).toEqual([0, 0, 0, 100, 200, 300]);
  expect(delays()).toBeGreaterThan(0);
});

test('a stream that goes on like that ends with RESOURCE_EXHAUSTED and a sentence', () => {
  const { loop, refused, flood } = scene();
  flood();
  loop.pass(2000);
  expect(refused).toEqual([
    { code: 'RESOURCE_EXHAUSTED', message: 'more than 10 requests a second of one client, for 1 s' },
  ]);
});

test('as many requests as responses were sent are never delayed', () => {
  const { loop, pace, delays } = scene();
  let handled = 0;
  for (let nth = 0; nth < 500; nth += 1) {
    pace.responded();
    pace.next(100, () => (handled += 1));
    loop.turn();
  }
  expect(handled).toBe(500);
  expect(delays()).toBe(0);
});

test('answers of a stream that is connected overtake those who connect; its larger requests wait for their turn', () => {
  const { loop, turns, pace } = scene();
  loop.pass(10_000);
  turns.take(() => loop.work(20));
  turns.take(() => loop.work(20));
  const handled: string[] = [];
  pace.next(100, () => handled.push('answer'));
  pace.next(50_000, () => handled.push('request'));
  expect(handled).toEqual(['answer']);
  loop.turn();
  loop.turn();
  expect(handled).toEqual(['answer', 'request']);
});

test('a stream that connects takes its turn with all it says', () => {
  const { loop, turns, pace } = scene();
  turns.take(() => loop.work(20));
  const handled: string[] = [];
  pace.next(100, () => handled.push('answer'));
  expect(handled).toEqual([]);
  loop.turn();
  expect(handled).toEqual(['answer']);
});

test('a small message of a connected stream passes at once, up to the rate and one for each response; others do not', () => {
  const { loop, pace } = scene();
  expect(pace.passes(100)).toBe(false);
  loop.pass(10_000);
  expect(pace.passes(50_000)).toBe(false);
  pace.responded();
  pace.responded();
  expect([1, 2, 3, 4, 5, 6].map(() => pace.passes(100))).toEqual([true, true, true, true, true, false]);
  loop.pass(100);
  expect(pace.passes(100)).toBe(true);
});

/** How many requests of a client pass at once that opens these streams and then asks on all of them. */
function burstOf(callers: readonly Caller[]): number {
  const { loop, open } = scene();
  const paces = callers.map(open);
  loop.pass(10_000);
  let passed = 0;
  for (let nth = 0; nth < 10; nth += 1) for (const pace of paces) passed += Number(pace.passes(10));
  return passed;
}

test.each([
  ['streams of one connection', [plaintext('10.0.0.2:1'), plaintext('10.0.0.2:1')], 3],
  ['connections in plaintext, even from one address', [plaintext('10.0.0.2:1'), plaintext('10.0.0.2:2')], 6],
  ['connections of one identity from one address', [known('10.0.0.2:1', 'a'), known('10.0.0.2:2', 'a')], 3],
  ['one identity at two addresses: replicas', [known('10.0.0.2:1', 'a'), known('10.0.0.3:1', 'a')], 6],
  ['two identities behind one address', [known('10.0.0.2:1', 'a'), known('10.0.0.2:2', 'b')], 6],
  ['the same over IPv6', [known('fd00::1:1', 'a'), known('fd00::1:2', 'a')], 3],
])('%s have the budget that they share', (_, callers, passed) => {
  expect(burstOf(callers)).toBe(passed);
});

test('each connection of a client has some requests of its own', () => {
  const loop = new FakeLoop();
  const shared = { ...limits, connectionRequests: { perSecond: 1, burst: 2 } };
  const budgets = new ClientBudgets({ limits: shared, now: loop.now, after: loop.after });
  const connections = [1, 2, 3, 4].map((port) => budgets.join(known(`10.0.0.2:${port}`, 'a')).budget);
  const passed = connections.map((budget) => [1, 2, 3, 4, 5, 6].filter(() => budget.take()).length);
  expect(passed).toEqual([5, 2, 2, 2]);
  loop.pass(1000);
  expect(connections.map((budget) => budget.take())).toEqual([true, true, true, true]);
});

test('streams of a client that wait are served in the order of asking, together at the rate', () => {
  const { loop, pace, open } = scene();
  const served: (readonly [number, string])[] = [];
  for (const one of ['a', 'b', 'c']) pace.next(10, () => served.push([loop.now(), one]));
  const others = ['d', 'e', 'f', 'g'].map((name) => ({ name, other: open() }));
  for (const { name, other } of others) other.next(10, () => served.push([loop.now(), name]));
  loop.pass(1000);
  expect(served.map(([, name]) => name).join('')).toBe('abcdefg');
  expect(served.slice(3).map(([ms]) => ms)).toEqual([100, 200, 300, 400]);
});

test('a client whose streams are delayed for too long may not go on with others', () => {
  const { loop, open, refused, flood } = scene();
  flood();
  loop.pass(900);
  const other = open();
  loop.pass(200);
  other.next(10, () => undefined);
  expect(refused.length).toBeGreaterThan(0);
  expect(new Set(refused.map(({ code }) => code))).toEqual(new Set(['RESOURCE_EXHAUSTED']));
});

test('what a client has used is remembered until it has it again, whether it stays or not', () => {
  const { loop, budgets, pace, open } = scene();
  for (let nth = 0; nth < 3; nth += 1) pace.next(10, () => undefined);
  pace.ended();
  expect(budgets.size).toEqual({ clients: 1, connections: 0 });
  const again = open();
  let handledMs = -1;
  again.next(10, () => (handledMs = loop.now()));
  loop.pass(50);
  expect(handledMs).toBe(-1);
  loop.pass(50);
  expect(handledMs).toBe(100);
  again.ended();
  loop.pass(400);
  expect(budgets.size).toEqual({ clients: 0, connections: 0 });
});

test('a client that has asked for nothing is forgotten at once', () => {
  const { budgets, pace, open } = scene();
  const streams = Array.from({ length: 50 }, (_, port) => open(plaintext(`10.0.0.3:${port}`)));
  expect(budgets.size).toEqual({ clients: 51, connections: 51 });
  for (const one of [...streams, pace]) one.ended();
  expect(budgets.size).toEqual({ clients: 0, connections: 0 });
});

test('the stream that goes beyond what its connection may have unfinished is refused, with the limit', () => {
  const { pace, open, refused } = scene();
  const second = open();
  const elsewhere = open(plaintext('10.0.0.1:2'));
  pace.holds(600);
  elsewhere.holds(600);
  second.holds(400);
  expect(refused).toEqual([]);
  second.holds(401);
  const message = 'more than 1000 bytes of messages that are unfinished or wait, on one connection';
  expect(refused).toEqual([{ code: 'RESOURCE_EXHAUSTED', message }]);
  pace.holds(1000);
  expect(refused).toHaveLength(1);
});

test('messages that wait count as unfinished ones, until they are handled or their stream has ended', () => {
  const { loop, turns, pace, open, refused } = scene();
  turns.take(() => loop.work(20));
  turns.take(() => loop.work(20));
  const second = open();
  const third = open();
  let handled = 0;
  pace.next(500, () => (handled += 1));
  second.next(500, () => (handled += 1));
  third.holds(0);
  expect(refused).toEqual([]);
  second.ended();
  third.holds(500);
  expect(refused).toEqual([]);
  loop.turn();
  loop.turn();
  expect(handled).toBe(1);
  third.holds(1000);
  expect(refused).toEqual([]);
  pace.next(1, () => undefined);
  third.holds(1001);
  expect(refused).toHaveLength(1);
});
