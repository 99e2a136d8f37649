// Lines that are kept small come out as they went in.

import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { PackedLines, unpackLine, type PackedContent } from '../../../discovery/source/remembered/packed-lines.ts';

const unpacked = ({ lines, dictionaries }: PackedContent): readonly string[] =>
  lines.map(({ kind, text }) => unpackLine(Buffer.from(text, 'latin1'), dictionaries.get(kind)) ?? 'not unpacked');

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
      const kinds = new Map<number, string>();
      for (const { key, kind, line } of steps) {
        const changed = line === undefined ? packed.delete(key) : packed.set(key, kind, line);
        expect(changed).toBe(plain.get(key) !== line || (line !== undefined && kinds.get(key) !== kind));
        if (line === undefined) plain.delete(key);
        else plain.set(key, line);
        kinds.set(key, kind);
      }
      const content = packed.content();
      expect(unpacked(content).toSorted()).toEqual([...plain.values()].toSorted());
      expect(packed.length).toBe([...plain.values()].reduce((sum, { length }) => sum + length, 0));

      const restored = new PackedLines<number>();
      restored.set(99, 'Pod', 'of before');
      restored.restore(content, [...plain.keys()]);
      expect(restored.content()).toEqual(content);
      expect(restored.length).toBe(packed.length);
      for (const [key, line] of plain) expect(restored.set(key, kinds.get(key) ?? '', line)).toBe(false);
    }),
  );
});

it('leaves next to nothing outside the heap, however many lines are packed', () => {
  const packed = new PackedLines<string>();
  const before = process.memoryUsage().arrayBuffers;
  for (let index = 0; index < 1_000; index += 1) packed.set('a', 'Pod', `${index} ${'x'.repeat(400)}`);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(4 * 1024 * 1024);
});

it('reads lines as they were when reading began', () => {
  const packed = new PackedLines<string>();
  packed.set('a', 'Pod', 'one');
  packed.set('b', 'Pod', 'two');
  const reading = packed.content();
  packed.set('a', 'Pod', 'three');
  packed.delete('b');
  expect(unpacked(reading)).toEqual(['one', 'two']);
});

it('does not unpack what it did not pack', () => {
  const dictionary = Buffer.from('one');
  expect(unpackLine(Buffer.from([0xff, 0xff, 0xff]), dictionary)).toBeUndefined();
  expect(unpackLine(Buffer.alloc(0), dictionary)).toBeUndefined();
  expect(unpackLine(Buffer.from('one'), undefined)).toBeUndefined();
});
