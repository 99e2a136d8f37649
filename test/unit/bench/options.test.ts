// Which runs of the benchmark write their figures into the committed page.

import { expect, test } from 'vitest';
import { readOptions } from '../../bench/options.ts';

test('a whole run of one process writes the page', () => {
  expect(readOptions([]).report).toBe(true);
});

test.each(['--quick', '--no-report', '--workers=2'])('a run with %s leaves the page as it is', (option) => {
  expect(readOptions([option]).report).toBe(false);
});

test('a number that is none is refused', () => {
  expect(() => readOptions(['--proxies', 'many'])).toThrow(TypeError);
});
