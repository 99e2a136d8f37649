// The end of a turn of the event loop.

import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { EndOfTurn } from '../../../discovery/model/end-of-turn.ts';

it('everything is told before any of it is worked on, in the same turn', async () => {
  const endOfTurn = new EndOfTurn();
  const done: string[] = [];
  const tell = (name: string): void =>
    endOfTurn.tell(() => {
      done.push(`tell ${name}`);
      endOfTurn.work(() => done.push(`work on ${name}`));
    });
  tell('one');
  tell('other');
  expect(done).toEqual([]);
  await nextTurn();
  expect(done).toEqual(['tell one', 'tell other', 'work on one', 'work on other']);
});

it('what comes later has an end of its own', async () => {
  const endOfTurn = new EndOfTurn();
  const done: string[] = [];
  endOfTurn.work(() => done.push('first'));
  await nextTurn();
  endOfTurn.work(() => done.push('second'));
  expect(done).toEqual(['first']);
  await nextTurn();
  expect(done).toEqual(['first', 'second']);
});
