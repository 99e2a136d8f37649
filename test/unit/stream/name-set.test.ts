import fc from 'fast-check';
import { expect, test } from 'vitest';
import { resourceName, type ResourceName } from '../../../server/cache/encoded-resource.ts';
import { NameSet, NameSetPool } from '../../../server/stream/name-set.ts';

const lists = fc.array(fc.string({ maxLength: 3 }).map(resourceName), { maxLength: 20 });

function setOf(names: readonly ResourceName[]): NameSet {
  return NameSet.empty.with({ added: names, removed: [] });
}

test('two sets are equal exactly when they have the same names, whatever way they came to them', () => {
  fc.assert(
    fc.property(lists, lists, (added, removed) => {
      const rest = [...new Set(added)].filter((name) => !removed.includes(name));
      const detour = setOf([...removed, ...added]).with({ added: [], removed });
      expect(detour.equals(setOf(rest.toReversed()))).toBe(true);
      expect([...detour].toSorted()).toEqual(rest.toSorted());
      expect(setOf(added).equals(detour)).toBe(rest.length === new Set(added).size);
    }),
  );
});

test('a pool gives every stream that asks for the same names the same set', () => {
  const pool = new NameSetPool();
  const first = pool.intern(setOf(['a', 'b'].map(resourceName)));
  const second = pool.intern(setOf(['b', 'a'].map(resourceName)));
  expect(second).toBe(first);
  expect(pool.intern(setOf([resourceName('a')]))).not.toBe(first);
});

test('a change that changes nothing gives the same set', () => {
  const set = setOf([resourceName('a')]);
  expect(set.with({ added: [resourceName('a')], removed: [resourceName('x')] })).toBe(set);
});
