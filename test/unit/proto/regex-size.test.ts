import { expect, test } from 'vitest';
import { maxRegexSize, regexSize } from '../../../proto/regex-size.ts';

test.each([
  ['/api/v[0-9]+/.*', 11],
  ['[a-z]{1000}', 1000],
  ['(ab|c){3}', 18],
  ['((a{10}){10}){10}', 1220],
  ['a{2,}b{0}c{0,5}', 9],
  ['[]{}(]{2}x', 3],
  ['[^]a](?i)(?P<name>b)(?:c)', 7],
  ['[[:alpha:]\\]]{7}', 7],
  ['\\p{Greek}{4}\\x{10FFFF}\\{', 6],
  ['\\Qa{1000}\\E', 11],
  ['(', 2],
  ['a)b[', 3],
])('%s', (text, size) => {
  expect(regexSize(text)).toBe(size);
});

test.each(['[a-z]{1000}'.repeat(200), '(\\pL{900}|\\pN)'.repeat(100), '((((x{30}){30}){30}){30}){30}'])(
  'what would keep the engine busy is seen to be too large: %s',
  (text) => {
    expect(regexSize(text)).toBeGreaterThan(maxRegexSize);
  },
);
