// Who is told of a change when: few at once, many in slices, each of what differs when its turn comes.

import { describe, expect, test } from 'vitest';
import { FanOut, membersPerSlice } from '../../../server/cache/fan-out.ts';

const clusters = new Set(['clusters']);
const routes = new Set(['routes']);

describe('members that are told of a change', () => {
  test('are all told at once when they are as many as a slice', () => {
    const { told, fanOut, runSlice } = scene();
    fanOut.add(change(0, membersPerSlice, clusters));
    expect(told).toHaveLength(membersPerSlice);
    expect(fanOut.waiting).toBe(0);
    expect(runSlice()).toBe(false);
  });

  test('are told in slices when they are more, in their order, each once', () => {
    const { told, fanOut, runSlice } = scene();
    const all = change(0, 2 * membersPerSlice + 3, clusters);
    fanOut.add(all);
    expect(told).toHaveLength(membersPerSlice);
    expect(fanOut.waiting).toBe(membersPerSlice + 3);
    runSlice();
    expect(told).toHaveLength(2 * membersPerSlice);
    while (runSlice());
    expect(told.map(([member]) => member)).toEqual([...all.keys()]);
    expect(fanOut.waiting).toBe(0);
  });

  test('hear of a change that comes while they wait together with the first one', () => {
    const { told, fanOut, runSlice } = scene();
    fanOut.add(change(0, 2 * membersPerSlice, clusters));
    fanOut.add(change(0, 2 * membersPerSlice, routes));
    while (runSlice());
    const heard = (member: string): readonly (readonly string[])[] =>
      told.flatMap(([one, types]) => (one === member ? [[...types].toSorted()] : []));
    expect(heard('member-0')).toEqual([['clusters'], ['routes']]);
    expect(heard(`member-${membersPerSlice}`)).toEqual([['clusters', 'routes']]);
    expect(told).toHaveLength(3 * membersPerSlice);
  });

  test('are told before all who wait when a change is for few, and of everything that they waited for', () => {
    const { told, fanOut, runSlice } = scene();
    fanOut.add(change(0, 3 * membersPerSlice, clusters));
    told.length = 0;
    const last = `member-${3 * membersPerSlice - 1}`;
    fanOut.add(new Map([[last, routes]]));
    expect(told).toEqual([[last, new Set(['clusters', 'routes'])]]);
    while (runSlice());
    expect(told.filter(([member]) => member === last)).toHaveLength(1);
  });

  test('are told nothing once they are gone', () => {
    const { told, fanOut, runSlice } = scene();
    fanOut.add(change(0, 2 * membersPerSlice, clusters));
    const gone = `member-${membersPerSlice}`;
    fanOut.forget(gone);
    while (runSlice());
    expect(told.map(([member]) => member)).not.toContain(gone);
    expect(told).toHaveLength(2 * membersPerSlice - 1);
  });

  test('are told though one before them fails', () => {
    const told: string[] = [];
    const slices: (() => void)[] = [];
    const fanOut = new FanOut<string>({
      tell: (member) => {
        if (member === `member-${membersPerSlice}`) throw new Error('broken');
        told.push(member);
      },
      afterEvents: (run) => void slices.push(run),
    });
    fanOut.add(change(0, 2 * membersPerSlice, clusters));
    expect(() => slices.shift()?.()).toThrow('broken');
    while (slices.length > 0) slices.shift()?.();
    expect(told).toHaveLength(2 * membersPerSlice - 1);
  });
});

function scene(): {
  readonly told: [string, ReadonlySet<string>][];
  readonly fanOut: FanOut<string>;
  /** False when there is nothing to do any more. */
  readonly runSlice: () => boolean;
} {
  const told: [string, ReadonlySet<string>][] = [];
  const slices: (() => void)[] = [];
  const fanOut = new FanOut<string>({
    tell: (member, types) => void told.push([member, types]),
    afterEvents: (run) => void slices.push(run),
  });
  const runSlice = (): boolean => {
    const slice = slices.shift();
    slice?.();
    return slice !== undefined;
  };
  return { told, fanOut, runSlice };
}

function change(from: number, to: number, types: ReadonlySet<string>): ReadonlyMap<string, ReadonlySet<string>> {
  return new Map(Array.from({ length: to - from }, (_, nth) => [`member-${from + nth}`, types]));
}
