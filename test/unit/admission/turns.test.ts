// Work in turns, exactly, on a loop that turns by hand.

import { expect, test } from 'vitest';
import { Turns } from '../../../server/admission/turns.ts';
import { FakeLoop } from './fake-loop.ts';

function scene(): { loop: FakeLoop; turns: Turns; done: string[]; take: (name: string, ms: number) => void } {
  const loop = new FakeLoop();
  const turns = new Turns({ now: loop.now, afterEvents: loop.afterEvents, sliceMs: 10, maxLagMs: 50 });
  const done: string[] = [];
  const take = (name: string, ms: number): void =>
    turns.take(() => {
      loop.work(ms);
      done.push(name);
    });
  return { loop, turns, done, take };
}

test('work is done at once while nobody waits', () => {
  const { turns, done, take } = scene();
  take('a', 1);
  take('b', 1);
  expect(done).toEqual(['a', 'b']);
  expect(turns.waiting).toBe(0);
});

test('what is beyond a slice waits, in order, and is done a slice a turn of the event loop', () => {
  const { loop, turns, done, take } = scene();
  for (const name of ['a', 'b', 'c', 'd', 'e', 'f', 'g']) take(name, 4);
  expect(done).toEqual(['a', 'b', 'c']);
  expect(turns.waiting).toBe(4);
  loop.turn();
  expect(done).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
  take('h', 4);
  loop.turn();
  expect(done.slice(-2)).toEqual(['g', 'h']);
});

test('when other work made the turn long, one piece is done and then it is the turn of the others again', () => {
  const { loop, done, take } = scene();
  for (const name of ['a', 'b', 'c', 'd']) take(name, 10);
  loop.work(51);
  loop.turn();
  expect(done).toEqual(['a', 'b']);
});

test('work that asks for more work leaves it to its turn', () => {
  const { loop, turns, done, take } = scene();
  turns.take(() => {
    loop.work(12);
    take('inner', 1);
    done.push('outer');
  });
  expect(done).toEqual(['outer']);
  loop.turn();
  expect(done).toEqual(['outer', 'inner']);
});

test('a queue of thousands is worked off completely', () => {
  const { loop, turns, done, take } = scene();
  for (let nth = 0; nth < 5000; nth += 1) take(String(nth), 3);
  while (turns.waiting > 0) loop.turn();
  expect(done).toHaveLength(5000);
  expect(done.at(-1)).toBe('4999');
});
