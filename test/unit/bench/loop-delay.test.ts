// How long events wait for the event loop's turns, counted by the length of each turn.

import { expect, test } from 'vitest';
import { arrivalWait, watchLoop } from '../../bench/certificates/loop-delay.ts';

test('what comes during a single turn waits for its end', () => {
  // Of 1,000 ms, 10 are allowed: those who come in the first 10 ms of a turn of 30 wait for more than 20.
  expect(arrivalWait([30], { overMs: 1000, share: 0.99 })).toBeCloseTo(20);
});

test('several turns share what is allowed', () => {
  expect(arrivalWait([30, 0.1, 30, 0.1], { overMs: 1000, share: 0.99 })).toBeCloseTo(25);
});

test('a turn that is shorter than the wait counts for nothing', () => {
  expect(arrivalWait([5, 30, 5], { overMs: 1000, share: 0.99 })).toBeCloseTo(20);
});

test('nobody waits when turns are so short or rare that all are allowed', () => {
  expect(arrivalWait([1, 2, 3], { overMs: 1000, share: 0.99 })).toBe(0);
  expect(arrivalWait([], { overMs: 1000, share: 0.99 })).toBe(0);
});

test('a turn of 200 ms is seen in every figure that can show it', async () => {
  const stop = watchLoop();
  await turn();
  const untilMs = performance.now() + 200;
  while (performance.now() < untilMs);
  await turn();
  const { longest, arrivalP99 } = stop();
  expect(longest).toBeGreaterThan(190);
  expect(arrivalP99).toBeGreaterThan(150);
});

/** Until a timer has fired: both ways of watching are timers. */
function turn(): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, 5));
}
