// A patch leads from one document to the other, whatever they are.

import fc from 'fast-check';
import { expect, it } from 'vitest';
import { jsonPatch } from '../../../server/inject/json-patch.ts';
import { applyPatch } from '../../support/apply-patch.ts';

it('applied to the first document gives the second', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), (before, after) => {
      expect(applyPatch(before, jsonPatch(before, after))).toEqual(after);
    }),
  );
});

it('is empty for equal documents, whatever the order of their keys', () => {
  expect(jsonPatch({ a: 1, b: [{ c: 2, d: 3 }] }, { b: [{ d: 3, c: 2 }], a: 1 })).toEqual([]);
});

it('adds to a list that grew at its end, and escapes names', () => {
  expect(jsonPatch({ 'a/b~c': [1] }, { 'a/b~c': [1, 2] })).toEqual([{ op: 'add', path: '/a~1b~0c/-', value: 2 }]);
});
