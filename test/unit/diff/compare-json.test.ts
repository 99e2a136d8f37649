// What differs between two values, field by field.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { JsonValue } from '../../../proto/json.ts';
import { compareJson } from '../../../server/diff/compare-json.ts';
import { shownText, withoutSecrets } from '../../../server/diff/shown-value.ts';

test('a field that changes, comes or goes is named by its path', () => {
  const before = { route: { timeout: '1s', retries: 2 }, name: 'a' };
  const after = { route: { timeout: '2s', hash: 'x' }, name: 'a' };
  expect(compareJson(before, after)).toEqual([
    { path: 'route.timeout', before: '1s', after: '2s' },
    { path: 'route.retries', before: 2 },
    { path: 'route.hash', after: 'x' },
  ]);
});

test('elements with names are compared by name, and their order is a change of its own', () => {
  const of = (...names: readonly string[]): JsonValue => ({ hosts: names.map((name) => ({ name, port: 80 })) });
  expect(compareJson(of('a', 'b'), of('a', 'c', 'b'))).toEqual([{ path: 'hosts[c]', after: { name: 'c', port: 80 } }]);
  expect(compareJson(of('a', 'b'), of('b', 'a'))).toEqual([
    { path: 'hosts (order)', before: ['a', 'b'], after: ['b', 'a'] },
  ]);
});

test('one more element in front is one change, not one for each that follows', () => {
  const route = (prefix: string): JsonValue => ({ match: { prefix } });
  expect(compareJson(['/a', '/b', '/c'].map(route), ['/z', '/a', '/b', '/c'].map(route))).toEqual([
    { path: '[0]', after: { match: { prefix: '/z' } } },
  ]);
  expect(compareJson(['/a', '/b', '/c'].map(route), ['/a', '/c'].map(route))).toEqual([
    { path: '[1]', before: { match: { prefix: '/b' } } },
  ]);
});

test('endpoints are compared by their address', () => {
  const at = (address: string, weight: number): JsonValue => ({
    endpoint: { address: { socket_address: { address, port_value: 80 } } },
    load_balancing_weight: weight,
  });
  expect(compareJson([at('10.0.0.1', 1), at('10.0.0.2', 1)], [at('10.0.0.2', 3)])).toEqual([
    { path: '[10.0.0.1:80]', before: at('10.0.0.1', 1) },
    { path: '[10.0.0.2:80].load_balancing_weight', before: 1, after: 3 },
  ]);
});

test('something differs exactly when the values differ', () => {
  const anyJson = fc.letrec<{ value: JsonValue }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 3 },
      fc.constantFrom<JsonValue>(1, 2, 'a', 'b', true),
      fc.array(tie('value'), { maxLength: 4 }),
      fc.dictionary(fc.constantFrom('name', 'x', 'y'), tie('value'), { maxKeys: 3 }),
    ),
  })).value;
  fc.assert(
    fc.property(anyJson, anyJson, (a, b) => {
      expect(compareJson(a, a)).toEqual([]);
      const same = JSON.stringify(sorted(a)) === JSON.stringify(sorted(b));
      expect(compareJson(a, b).length > 0).toBe(!same);
    }),
    { numRuns: 500 },
  );
});

test('secrets are not shown, and long values are cut', () => {
  const secret = { header: { key: 'authorization', value: 'Basic abc' }, tls: { private_key: { filename: '/k' } } };
  expect(withoutSecrets(secret)).toEqual({
    header: { key: 'authorization', value: '(not shown)' },
    tls: { private_key: '(not shown)' },
  });
  expect(withoutSecrets('abc', 'password')).toBe('(not shown)');
  expect(withoutSecrets({ direct_response: { body: { inline_string: 'hello' } } })).toEqual({
    direct_response: { body: { inline_string: 'hello' } },
  });
  expect(shownText('x'.repeat(1000))).toHaveLength(400 + '… (1000 characters)'.length);
});

function sorted(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map((one: JsonValue) => sorted(one));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, one]: [string, JsonValue]) => [key, sorted(one)]),
  );
}
