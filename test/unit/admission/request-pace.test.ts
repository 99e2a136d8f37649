// The pace of one stream, exactly, on a loop that turns by hand.

import { expect, test } from 'vitest';
import { defaultAdmissionLimits } from '../../../server/admission/admission-limits.ts';
import { RequestPace } from '../../../server/admission/request-pace.ts';
import { Turns } from '../../../server/admission/turns.ts';
import type { GrpcStatus } from '../../../server/grpc/status.ts';
import { FakeLoop } from './fake-loop.ts';

const limits = { ...defaultAdmissionLimits, requests: { perSecond: 10, burst: 3 }, requestPatienceMs: 1000 };

interface Scene {
  readonly loop: FakeLoop;
  readonly turns: Turns;
  readonly pace: RequestPace;
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
  const pace = new RequestPace({
    limits,
    turns,
    delayed: () => (delays += 1),
    refuse: (status) => refused.push(status),
    now: loop.now,
    after: loop.after,
  });
  const flood = (): void =>
    pace.next(10, () => {
      handled.push(loop.now());
      if (refused.length === 0) loop.after(0, flood);
    });
  return { loop, turns, pace, handled, refused, delays: () => delays, flood };
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
    { code: 'RESOURCE_EXHAUSTED', message: 'more than 10 requests a second on one stream, for 1 s' },
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
