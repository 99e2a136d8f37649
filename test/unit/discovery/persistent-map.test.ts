import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PersistentMap } from '../../../discovery/model/persistent-map.ts';

const key = fc.oneof(fc.constantFrom('a', 'b', 'c'), fc.string());
const changes = fc.array(fc.tuple(key, fc.option(fc.integer(), { nil: undefined })), { maxLength: 60 });

function applied(
  map: Map<string, number>,
  list: readonly (readonly [string, number | undefined])[],
): Map<string, number> {
  const next = new Map(map);
  for (const [name, value] of list) {
    if (value === undefined) next.delete(name);
    else next.set(name, value);
  }
  return next;
}

describe('a persistent map', () => {
  test('holds what an ordinary map would hold after the same changes', () => {
    fc.assert(
      fc.property(changes, changes, (first, second) => {
        const map = PersistentMap.empty<string, number>().with(first).with(second);
        const expected = applied(applied(new Map(), first), second);
        expect(new Map(map.entries())).toEqual(expected);
        expect(map.size).toBe(expected.size);
        for (const [name, value] of expected) expect([map.get(name), map.has(name)]).toEqual([value, true]);
      }),
    );
  });

  test('leaves the map it was made from as it was', () => {
    fc.assert(
      fc.property(changes, changes, (first, second) => {
        const map = PersistentMap.empty<string, number>().with(first);
        const before = new Map(map.entries());
        map.with(second);
        expect(new Map(map.entries())).toEqual(before);
      }),
    );
  });

  test('names exactly what differs from an earlier one', () => {
    fc.assert(
      fc.property(changes, changes, (first, second) => {
        const before = PersistentMap.empty<string, number>().with(first);
        const after = before.with(second);
        const names = new Set([...before.keys(), ...after.keys()]);
        const expected = [...names].filter((name) => before.get(name) !== after.get(name));
        expect([...after.changedSince(before)].toSorted()).toEqual(expected.toSorted());
      }),
    );
  });

  test('is the same object when a change changes nothing', () => {
    const map = PersistentMap.from([['a', 1]] as const);
    const same = map.with([
      ['a', 1],
      ['b', undefined],
    ] as never);
    expect(same).toBe(map);
  });
});
