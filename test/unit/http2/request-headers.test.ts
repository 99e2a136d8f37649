// Requests that are malformed by RFC 9113, 8.2 and 8.3, and what is made of the others.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { HeaderField } from '../../../server/http2/hpack/header-field.ts';
import { isTrailers, requestHeaders } from '../../../server/http2/request-headers.ts';

const pseudo: readonly HeaderField[] = [
  [':method', 'POST'],
  [':scheme', 'http'],
  [':path', '/a.B/C'],
  [':authority', 'localhost'],
];

function without(name: string): readonly HeaderField[] {
  return pseudo.filter(([other]) => other !== name);
}

const badNames = [
  'A',
  'Content-Type',
  '',
  ' ',
  'a b',
  'a:b',
  'a\0',
  'a\n',
  'a\u007f',
  'ä',
  'a(',
  'a"',
  'a/b',
  ' a',
  'a ',
];
const badValues = ['\0', 'a\r', 'a\nb', 'a\r\nb: c', ' a', 'a ', '\ta', 'a\t', ' '];
const connectionFields: readonly HeaderField[] = [
  ['connection', 'close'],
  ['proxy-connection', 'keep-alive'],
  ['keep-alive', '1'],
  ['transfer-encoding', 'chunked'],
  ['upgrade', 'h2c'],
  ['te', 'gzip'],
  ['te', 'trailers, gzip'],
  ['te', ''],
];

describe('a request', () => {
  test('has the headers that it was sent with', () => {
    const headers = requestHeaders([
      ...pseudo,
      ['content-type', 'application/grpc'],
      ['te', 'trailers'],
      ['x-empty', ''],
    ]);
    expect({ ...headers }).toEqual({
      ':method': 'POST',
      ':scheme': 'http',
      ':path': '/a.B/C',
      ':authority': 'localhost',
      'content-type': 'application/grpc',
      te: 'trailers',
      'x-empty': '',
    });
  });

  test('needs no authority', () => {
    expect(requestHeaders(without(':authority'))).toBeDefined();
  });

  test('has what came more than once joined: cookies with semicolons, the others with commas', () => {
    const headers = requestHeaders([...pseudo, ['cookie', 'a'], ['x', '1'], ['cookie', 'b'], ['x', '2'], ['x', '']]);
    expect(headers?.['cookie']).toBe('a; b');
    expect(headers?.['x']).toBe('1, 2, ');
  });

  test('has no header that was not sent, whatever objects have', () => {
    const headers = requestHeaders(pseudo);
    for (const name of ['__proto__', 'constructor', 'hasownproperty', 'tostring'])
      expect(headers?.[name]).toBeUndefined();
  });

  test('keeps a header named __proto__ as any other', () => {
    const headers = requestHeaders([...pseudo, ['__proto__', 'x'], ['constructor', 'y'], ['__proto__', 'z']]);
    expect(headers?.['__proto__']).toBe('x, z');
    expect(headers?.['constructor']).toBe('y');
    expect(({} as Record<string, unknown>)['x']).toBeUndefined();
  });

  test('may have anything else in a value', () => {
    const value = '"a\tb" \u0001\u007f\u0080\u00ff,;:';
    expect(requestHeaders([...pseudo, ['x', value]])?.['x']).toBe(value);
  });
});

describe('a request is malformed', () => {
  test.each([':method', ':scheme', ':path'])('without %s, with an empty one, and with two', (name) => {
    expect(requestHeaders(without(name))).toBeUndefined();
    expect(requestHeaders([[name, ''], ...without(name)])).toBeUndefined();
    expect(requestHeaders([...pseudo, [name, '/x']])).toBeUndefined();
    expect(requestHeaders([[name, ''], ...pseudo])).toBeUndefined();
  });

  test.each([':status', ':protocol', ':', ':Path', ':x'])('with the pseudo header %s', (name) => {
    expect(requestHeaders([...pseudo, [name, '200']])).toBeUndefined();
  });

  test.each(['', 'x', '-1', '+1', '1.0', '1e3', '0x10', '1, 1', 'NaN'])('with the content-length %j', (value) => {
    expect(requestHeaders([...pseudo, ['content-length', value]])).toBeUndefined();
  });

  test('with a pseudo header behind a regular one', () => {
    expect(requestHeaders([...without(':authority'), ['a', 'b'], [':authority', 'c']])).toBeUndefined();
  });

  test.each(badNames)('with a header named %j', (name) => {
    expect(requestHeaders([...pseudo, [name, 'x']])).toBeUndefined();
  });

  test.each(badValues)('with the value %j, also of a pseudo header', (value) => {
    expect(requestHeaders([...pseudo, ['x', value]])).toBeUndefined();
    expect(requestHeaders([...without(':path'), [':path', value]])).toBeUndefined();
  });

  test.each(connectionFields)('with what belongs to a connection of HTTP/1.1: %s: %s', (name, value) => {
    expect(requestHeaders([...pseudo, [name, value]])).toBeUndefined();
  });

  test('or not, but is never a reason to throw, whatever its fields are', () => {
    const text = fc.string({ unit: 'binary-ascii', maxLength: 5 });
    const field = fc.tuple(fc.oneof(text, fc.constantFrom(':path', ':method', 'te', '__proto__')), text);
    fc.assert(
      fc.property(fc.array(field, { maxLength: 8 }), (fields) => {
        const headers = requestHeaders([...pseudo, ...fields]);
        if (headers === undefined) return;
        const names = new Set([...pseudo, ...fields].map(([name]) => name));
        expect(new Set(Object.keys(headers))).toEqual(names);
      }),
    );
  });
});

describe('trailers', () => {
  test('are regular headers', () => {
    expect(isTrailers([])).toBe(true);
    expect(isTrailers([['grpc-status', '0']])).toBe(true);
  });

  test.each([...pseudo, ['A', 'x'], ['x', ' a'], ['connection', 'close']] as const)(
    'are malformed with %s: %s',
    (name, value) => {
      expect(
        isTrailers([
          ['x', 'y'],
          [name, value],
        ]),
      ).toBe(false);
    },
  );
});
