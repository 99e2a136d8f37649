import { expect, test } from 'vitest';
import { exactShares } from '../../../server/view/exact-shares.ts';

const shares = (...amounts: Parameters<typeof exactShares>[0]) => Object.fromEntries(exactShares(amounts));

test('three that two split give three halves, without fractions', () => {
  expect(shares({ weight: 1, among: ['pod'] }, { weight: 3, among: ['gateway 1', 'gateway 2'] })).toEqual({
    pod: 2,
    'gateway 1': 3,
    'gateway 2': 3,
  });
});

test('declared weights that nothing splits stay as declared', () => {
  expect(shares({ weight: 10, among: ['a'] }, { weight: 20, among: ['b'] })).toEqual({ a: 10, b: 20 });
});

test('weights are as small as they can be', () => {
  expect(shares({ weight: 2, among: ['a', 'b'] }, { weight: 4, among: ['c'] })).toEqual({ a: 1, b: 1, c: 4 });
});

test('a holder named twice gets both shares', () => {
  expect(shares({ weight: 1, among: ['a'] }, { weight: 1, among: ['a', 'b'] })).toEqual({ a: 3, b: 1 });
});

test('a total beyond 32 bits is scaled down and nobody falls to zero', () => {
  const {
    small = 0,
    large = 0,
    larger = 0,
  } = shares(
    { weight: 1, among: ['small'] },
    { weight: 4_000_000_000, among: ['large'] },
    { weight: 4_000_000_000, among: ['larger'] },
  );
  expect(small).toBe(1);
  expect(large).toBe(larger);
  expect(small + large + larger).toBeLessThan(2 ** 32);
  expect(large).toBeGreaterThan(2_147_000_000);
});
