// What the decoder refuses, and what a block can cost.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { HeaderDecoder } from '../../../server/http2/hpack/header-decoder.ts';
import { fieldBytes } from '../../../server/http2/hpack/header-field.ts';

const options = { maxTableBytes: 4096, maxListBytes: 8192 };

function decode(hex: string) {
  return new HeaderDecoder(options).decode(Buffer.from(hex.replaceAll(' ', ''), 'hex'));
}

function expectMalformed(hex: string, reason: string): void {
  expect(decode(hex)).toEqual({ kind: 'malformed', reason });
}

/** Of a field that is not added to the table, with an empty name and this Huffman coded value. */
function huffmanField(bits: string): string {
  const bytes = bits.replaceAll(' ', '').match(/.{8}/g) ?? [];
  const hex = bytes.map((byte) => Number.parseInt(byte, 2).toString(16).padStart(2, '0')).join('');
  return `0000${(0x80 | bytes.length).toString(16)}${hex}`;
}

describe('a block is malformed', () => {
  test.each(['40', '4001', '400161', '40016101', '00', '0f', '0f80', '7f', 'ff', '3f', '8241', '0000ff'])(
    'when it ends within a field: %s',
    (hex) => expectMalformed(hex, 'the header block ends within a field'),
  );

  test.each(['80', 'be', 'ff00', 'ffffffff7f', '7e00', '7f0000', '0f3000', '1f3000'])(
    'when it refers to a field that is in no table: %s',
    (hex) => expectMalformed(hex, 'an index is outside of the tables'),
  );

  test.each([
    'ffffffffff00',
    'ff8080808000',
    'ffffffffffffffffffff',
    '3fffffffffff',
    '0000ffffffffffff',
    '007fffffffffff7f',
  ])('when an integer has more bytes than any that is allowed: %s', (hex) =>
    expectMalformed(hex, 'an integer is too large'),
  );

  test('when a text is longer than the block, however long it says to be', () => {
    expectMalformed('00 7f ff ff ff 7f 61', 'the header block ends within a field');
    expectMalformed('00 ff ff ff ff 7f 61', 'the header block ends within a field');
  });

  test('when a table size is larger than was allowed', () => {
    expect(decode('3f e1 1f')).toEqual({ kind: 'headers', fields: [] });
    expectMalformed('3f e2 1f', 'a table size is larger than allowed');
  });

  test('when a table size comes behind a field, and not when two come before', () => {
    expect(decode('20 3f e1 1f 82')).toEqual({ kind: 'headers', fields: [[':method', 'GET']] });
    expectMalformed('82 20', 'a table size comes behind a field');
  });

  test.each([
    ['the end of a text as its code', '11111111 11111111 11111111 11111111'],
    ['eight bits of padding', '00000 111 11111111'],
    ['nothing but a byte of padding', '11111111'],
    ['padding with a zero', '00000 110'],
    ['padding that begins another code', '00000 000'],
    ['the end of a text behind a byte of it', '00000 111 11111111 11111111 11111111 11111111'],
  ])('when a text has %s', (_, bits) => expectMalformed(huffmanField(bits), 'a text has no valid Huffman code'));

  test('and not when a text fills its last byte, or up to seven ones do', () => {
    // 'a' has five bits, '&' eight, and ':' seven.
    expect(decode(huffmanField('11111000'))).toEqual({ kind: 'headers', fields: [['', '&']] });
    expect(decode(huffmanField('00011 111'))).toEqual({ kind: 'headers', fields: [['', 'a']] });
    expect(decode(huffmanField('1011100 1'))).toEqual({ kind: 'headers', fields: [['', ':']] });
    expect(decode(huffmanField('11111000 00011 111'))).toEqual({
      kind: 'headers',
      fields: [['', '&a']],
    });
    expect(decode('000080')).toEqual({ kind: 'headers', fields: [['', '']] });
  });

  test('never for the three bytes that no client sends: NUL, LF and CR', () => {
    const nul = '1111111111000';
    const lf = '111111111111111111111111111100';
    const cr = '111111111111111111111111111101';
    const bits = nul + lf + cr;
    const padded = bits.padEnd(Math.ceil(bits.length / 8) * 8, '1');
    expect(decode(huffmanField(padded))).toEqual({ kind: 'headers', fields: [['', '\0\n\r']] });
  });
});

describe('the table', () => {
  function added(name: string, value: string): Buffer {
    const text = (of: string): Buffer => Buffer.concat([Buffer.of(of.length), Buffer.from(of)]);
    return Buffer.concat([Buffer.of(0x40), text(name), text(value)]);
  }

  test('drops the oldest field as soon as the sizes of all are beyond the limit', () => {
    const decoder = new HeaderDecoder({ maxTableBytes: 2 * 34, maxListBytes: 8192 });
    decoder.decode(Buffer.concat([added('a', '1'), added('b', '2')]));
    expect(decoder.decode(Buffer.of(0xbe, 0xbf))).toEqual({
      kind: 'headers',
      fields: [
        ['b', '2'],
        ['a', '1'],
      ],
    });
    decoder.decode(added('c', '3'));
    expect(decoder.decode(Buffer.of(0xbe, 0xbf))).toEqual({
      kind: 'headers',
      fields: [
        ['c', '3'],
        ['b', '2'],
      ],
    });
    expect(decoder.decode(Buffer.of(0xc0)).kind).toBe('malformed');
  });

  test('is emptied by a field that is larger than it', () => {
    const decoder = new HeaderDecoder({ maxTableBytes: 40, maxListBytes: 8192 });
    decoder.decode(added('a', '1'));
    expect(decoder.decode(added('a', 'too long!'))).toEqual({ kind: 'headers', fields: [['a', 'too long!']] });
    expect(decoder.decode(Buffer.of(0xbe)).kind).toBe('malformed');
  });

  test('gives a name to a field that it is dropped for', () => {
    const decoder = new HeaderDecoder({ maxTableBytes: 34, maxListBytes: 8192 });
    decoder.decode(added('a', '1'));
    expect(decoder.decode(Buffer.from('7e0132', 'hex'))).toEqual({ kind: 'headers', fields: [['a', '2']] });
    expect(decoder.decode(Buffer.of(0xbe))).toEqual({ kind: 'headers', fields: [['a', '2']] });
  });

  test('of a client that was allowed more has 4096 bytes until it says otherwise', () => {
    const decoder = new HeaderDecoder({ maxTableBytes: 65_536, maxListBytes: 2 ** 20 });
    const field = added('a', 'v'.repeat(100));
    for (let count = 0; count < 100; count += 1) decoder.decode(field);
    const held = Math.floor(4096 / fieldBytes(['a', 'v'.repeat(100)]));
    expect(decoder.decode(Buffer.of(0x80 | (61 + held))).kind).toBe('headers');
    expect(decoder.decode(Buffer.of(0x80 | (62 + held))).kind).toBe('malformed');
  });

  test('is kept in step by a block that is too large', () => {
    const decoder = new HeaderDecoder({ maxTableBytes: 4096, maxListBytes: 100 });
    const block = Buffer.concat([...Array.from({ length: 10 }, () => Buffer.of(0x82)), added('a', '1')]);
    expect(decoder.decode(block)).toEqual({ kind: 'too-large' });
    expect(decoder.decode(Buffer.of(0xbe))).toEqual({ kind: 'headers', fields: [['a', '1']] });
  });
});

describe('what a block costs', () => {
  test('a list of exactly the limit is read, one of a byte more is too large', () => {
    const block = Buffer.from('82 0001610162'.replaceAll(' ', ''), 'hex');
    const bytes = fieldBytes([':method', 'GET']) + fieldBytes(['a', 'b']);
    const limited = (maxListBytes: number) => new HeaderDecoder({ ...options, maxListBytes }).decode(block).kind;
    expect(limited(bytes)).toBe('headers');
    expect(limited(bytes - 1)).toBe('too-large');
  });

  test('a megabyte of references to a field of 4 KB costs less memory than the block', () => {
    const decoder = new HeaderDecoder(options);
    const value = Buffer.alloc(4000, 'v');
    decoder.decode(Buffer.concat([Buffer.from('400161 7fa11e'.replaceAll(' ', ''), 'hex'), value]));
    const bomb = Buffer.alloc(2 ** 20, 0xbe);
    expect(decoder.decode(Buffer.of(0xbe)).kind).toBe('headers');
    const before = process.memoryUsage();
    expect(decoder.decode(bomb)).toEqual({ kind: 'too-large' });
    const after = process.memoryUsage();
    expect(after.heapUsed - before.heapUsed).toBeLessThan(2 ** 20);
    expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(2 ** 20);
  });

  test('random bytes are read or refused, and what is read is within the limit', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 5 }), (blocks) => {
        const decoder = new HeaderDecoder({ maxTableBytes: 256, maxListBytes: 300 });
        for (const block of blocks) {
          const decoded = decoder.decode(block);
          if (decoded.kind === 'malformed') break;
          const fields = decoded.kind === 'headers' ? decoded.fields : [];
          expect(fields.reduce((sum, field) => sum + fieldBytes(field), 0)).toBeLessThanOrEqual(300);
        }
      }),
      { numRuns: 5000 },
    );
  });

  test('random Huffman codes are read or refused, no text longer than the code allows', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), (code) => {
        const block = Buffer.concat([Buffer.of(0, 0, 0x80 | code.length), code]);
        const decoded = new HeaderDecoder(options).decode(block);
        if (decoded.kind !== 'headers') return;
        const [field] = decoded.fields;
        expect(field?.[1].length).toBeLessThanOrEqual((code.length * 8) / 5);
      }),
      { numRuns: 5000 },
    );
  });
});
