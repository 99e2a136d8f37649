import { expect, test } from 'vitest';
import { FloodBudget } from '../../../server/http2/flood-budget.ts';

/** How often it can be spent, at most `times`, when `earn` comes before each. */
function spent(times: number, earn: (budget: FloodBudget) => void, cost = 1): number {
  const budget = new FloodBudget();
  for (let count = 0; count < times; count += 1) {
    earn(budget);
    if (!budget.spend(cost)) return count;
  }
  return times;
}

test('a client has two thousand at once, also when the process has run for long', () => {
  const count = spent(100_000, () => undefined);
  expect(count).toBeGreaterThanOrEqual(2000);
  // A thousand a second come back meanwhile.
  expect(count).toBeLessThan(3000);
});

test('a client that opens its window byte by byte earns nothing for the pieces that it is sent', () => {
  expect(spent(100_000, (budget) => budget.earn(1, false))).toBeLessThan(3500);
});

test('a client that answers each message with two frames is never at its end, however small the messages are', () => {
  expect(spent(100_000, (budget) => budget.earn(1, true), 2)).toBe(100_000);
});

test('a client of large messages may open its windows with each piece of 8 KB', () => {
  expect(spent(100_000, (budget) => budget.earn(8000, false), 3)).toBe(100_000);
});
