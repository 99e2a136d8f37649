// Whatever a client can't take, the pieces that a response is divided into lead to exactly that, and to nothing twice.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { resourceName, resourceVersion, type ResourceName } from '../../../server/cache/encoded-resource.ts';
import { Isolation, PieceBudget, piecesOf, type Part } from '../../../server/stream/isolation.ts';

const part = (index: number): Part => ({ name: resourceName(`r${index}`), version: resourceVersion('1') });

/** Plays a client that takes a piece as a whole or not at all. */
function play(count: number, isBad: (name: ResourceName) => boolean, isSuspect: (one: Part) => boolean) {
  const parts = Array.from({ length: count }, (_, index) => part(index));
  const isolation = new Isolation(piecesOf(parts, isSuspect));
  const taken = new Set<ResourceName>();
  const blamed = new Set<ResourceName>();
  let pieces = 0;
  for (;;) {
    const names = isolation.next((name) => !taken.has(name) && !blamed.has(name));
    if (names === undefined) return { taken, blamed, pieces };
    pieces += 1;
    const bad = [...names].filter(isBad);
    if (bad.length > 0 && names.size > 1) {
      isolation.divide(
        piecesOf(
          parts.filter(({ name }) => names.has(name)),
          isSuspect,
        ),
      );
      continue;
    }
    for (const name of names) (bad.length > 0 ? blamed : taken).add(name);
    isolation.over();
  }
}

describe('an isolation', () => {
  test('blames what can not be taken, and everything else is taken', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 60 }),
        fc.uniqueArray(fc.nat(59)),
        fc.uniqueArray(fc.nat(59)),
        (count, bad, suspected) => {
          const badNames = new Set(bad.filter((index) => index < count).map((index) => part(index).name));
          const suspects = new Set(suspected.map((index) => part(index).name));
          const { taken, blamed, pieces } = play(
            count,
            (name) => badNames.has(name),
            ({ name }) => suspects.has(name),
          );
          expect(blamed).toEqual(badNames);
          expect(taken.size).toBe(count - badNames.size);
          expect(pieces).toBeLessThan(2 * count);
        },
      ),
    );
  });

  test('needs two pieces for each halving when one is bad', () => {
    expect(
      play(
        64,
        (name) => name === 'r41',
        () => false,
      ).pieces,
    ).toBeLessThanOrEqual(2 * Math.log2(64));
  });

  test('gives up what has not gone again', () => {
    const isolation = new Isolation([[part(0)], [part(1), part(2)]]);
    isolation.over();
    expect(isolation.has(part(2).name)).toBe(true);
    expect(isolation.giveUp().map(({ name }) => name)).toEqual(['r1', 'r2']);
    expect(isolation.next(() => true)).toBeUndefined();
  });
});

test('a budget is for a burst, and then for one piece a second', () => {
  const budget = new PieceBudget();
  const taken = Array.from({ length: 100 }, () => budget.take(0)).filter(Boolean);
  expect(taken).toHaveLength(64);
  expect(budget.take(999)).toBe(false);
  expect(budget.take(1000)).toBe(true);
  expect(budget.take(1999)).toBe(false);
  expect([1, 2, 3, 4].map(() => budget.take(4000))).toEqual([true, true, true, false]);
});
