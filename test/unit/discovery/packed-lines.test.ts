// Lines that are kept small come out as they went in.

import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { PackedLines } from '../../../discovery/source/remembered/packed-lines.ts';

const anyLine = fc.string({ unit: 'grapheme', maxLength: 300 });

it('gives every line as it was set last, whatever the others of its kind are', () => {
  const anyStep = fc.record({
    key: fc.nat(5),
    kind: fc.constantFrom('Pod', 'Node'),
    line: fc.option(anyLine, { nil: undefined }),
  });
  fc.assert(
    fc.property(fc.array(anyStep, { maxLength: 30 }), (steps) => {
      const packed = new PackedLines<number>();
      const plain = new Map<number, string>();
      for (const { key, kind, line } of steps) {
        const changed = line === undefined ? packed.delete(key) : packed.set(key, kind, line);
        expect(changed).toBe(plain.get(key) !== line);
        if (line === undefined) plain.delete(key);
        else plain.set(key, line);
      }
      expect([...packed.all()].toSorted()).toEqual([...plain.values()].toSorted());
      expect(packed.all().size).toBe(plain.size);
      expect(packed.length).toBe([...plain.values()].reduce((sum, { length }) => sum + length, 0));
    }),
  );
});

it('reads lines as they were when reading began', () => {
  const packed = new PackedLines<string>();
  packed.set('a', 'Pod', 'one');
  packed.set('b', 'Pod', 'two');
  const reading = packed.all();
  packed.set('a', 'Pod', 'three');
  packed.delete('b');
  expect([...reading]).toEqual(['one', 'two']);
});
