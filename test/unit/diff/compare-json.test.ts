// What differs between two values, field by field.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { JsonValue } from '../../../proto/json.ts';
import { compareJson } from '../../../server/diff/compare-json.ts';
import { tellOnce } from '../../../server/diff/tell-once.ts';
import { shownChange, withoutSecrets } from '../../../server/diff/shown-value.ts';

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

test('localities are compared by their place, and by their priority where a place has several', () => {
  const at = (region: string, priority: number, weight: number): JsonValue => ({
    ...(region === '' ? {} : { locality: { region } }),
    lb_endpoints: [{ load_balancing_weight: weight }],
    priority,
  });
  expect(compareJson([at('east', 0, 1), at('', 1, 1)], [at('east', 2, 1), at('', 1, 3)])).toEqual([
    { path: '[east].priority', before: 0, after: 2 },
    { path: '[no locality].lb_endpoints[0].load_balancing_weight', before: 1, after: 3 },
  ]);
  expect(compareJson([at('east', 0, 1), at('east', 1, 1)], [at('east', 1, 4), at('east', 0, 1)])).toEqual([
    { path: '[east priority 1].lb_endpoints[0].load_balancing_weight', before: 1, after: 4 },
    { path: ' (order)', before: ['east priority 0', 'east priority 1'], after: ['east priority 1', 'east priority 0'] },
  ]);
});

test('the same change in many elements of a list is told once, with where else it is', () => {
  const chains = (...names: readonly string[]): JsonValue => names.map((name) => ({ name, log: 'a' }));
  const logged = (...names: readonly string[]): JsonValue => names.map((name) => ({ name, log: 'b' }));
  const changes = compareJson(
    { chains: chains('one', 'two', 'three'), log: 'a' },
    { chains: logged('one', 'two', 'three'), log: 'b' },
  );
  expect(tellOnce(changes)).toEqual([
    {
      path: 'chains[one].log',
      before: 'a',
      after: 'b',
      alsoAt: ['chains[two].log', 'chains[three].log'],
      morePlaces: 2,
    },
    { path: 'log', before: 'a', after: 'b' },
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
  const long = 'x'.repeat(1000);
  expect(shownChange(undefined, long)).toBe(`(none) → ${'x'.repeat(160)}…`);
  expect(shownChange(`${long}a`, `${long}b`)).toBe(`…${'x'.repeat(40)}a → …${'x'.repeat(40)}b`);
  expect(shownChange(['a'], 3)).toBe('["a"] → 3');
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
