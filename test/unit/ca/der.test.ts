import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DerError, encodeDer, parseDer, type DerNode } from '../../../ca/asn1/der.ts';
import * as read from '../../../ca/asn1/read-der.ts';
import * as write from '../../../ca/asn1/write-der.ts';

const bytes = fc.uint8Array({ maxLength: 300 });

const { node: anyNode } = fc.letrec<{ node: DerNode }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 5 },
    bytes.map((value) => write.octetString(value)),
    bytes.map((value) => write.unsignedInteger(value)),
    fc.boolean().map((value) => write.boolean(value)),
    bytes.map((value) => write.bitString(value)),
    fc.string().map((value) => write.utf8String(value)),
    fc.constant(null).map(() => write.nullValue()),
    fc.tuple(fc.nat({ max: 30 }), bytes).map(([tag, value]) => write.implicit(tag, value)),
    fc.array(tie('node'), { maxLength: 4 }).map((children) => write.sequence(...children)),
    fc.array(tie('node'), { maxLength: 4 }).map((children) => write.set(...children)),
    fc
      .tuple(fc.nat({ max: 30 }), fc.array(tie('node'), { maxLength: 3 }))
      .map(([tag, children]) => write.explicit(tag, ...children)),
  ),
}));

/** The bytes, read and written; undefined when they were refused with a DerError. Any other error is thrown. */
function encodedAgain(input: Uint8Array): Buffer | undefined {
  try {
    return encodeDer(parseDer(input));
  } catch (error) {
    if (error instanceof DerError) return undefined;
    throw error;
  }
}

describe('DER', () => {
  it('gives the same bytes again for every value that was written', () => {
    fc.assert(
      fc.property(anyNode, (node) => {
        const der = encodeDer(node);
        expect(encodeDer(parseDer(der))).toEqual(der);
      }),
    );
  });

  it('refuses arbitrary bytes with a DerError, or reads them so that they come out the same', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (input) => {
        expect(encodedAgain(input) ?? Buffer.from(input)).toEqual(Buffer.from(input));
      }),
      { numRuns: 2000 },
    );
  });

  it('gives back every unsigned integer', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 200n }), (value) => {
        const hex = value.toString(16);
        const bigEndian = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex');
        const again = parseDer(encodeDer(write.unsignedInteger(bigEndian)));
        expect(BigInt(`0x${read.unsignedOf(again, 'it').toString('hex')}`)).toBe(value);
      }),
    );
  });

  it('gives back every time to the second, before and after 2050', () => {
    const from = Date.parse('1970-01-01T00:00:00Z') / 1000;
    const to = Date.parse('2200-01-01T00:00:00Z') / 1000;
    fc.assert(
      fc.property(fc.integer({ min: from, max: to }), (seconds) => {
        expect(read.timeOf(parseDer(encodeDer(write.time(seconds * 1000))), 'it')).toBe(seconds * 1000);
      }),
    );
    expect(encodeDer(write.time(Date.parse('2049-12-31T23:59:59Z'))).toString('latin1')).toContain('491231235959Z');
    expect(encodeDer(write.time(Date.parse('2050-01-01T00:00:00Z'))).toString('latin1')).toContain('20500101000000Z');
  });

  it.each([
    ['an indefinite length', '3080020100 0000'],
    ['a length that is longer than needed', '30810302 0101'],
    ['a padded integer', '02020001'],
    ['bytes after the value', '0201010500'],
    ['a value cut short', '0205 0101'],
    ['nothing', ''],
  ])('refuses %s', (_what, hex) => {
    expect(() => parseDer(Buffer.from(hex.replaceAll(' ', ''), 'hex'))).toThrow(DerError);
  });

  it('refuses what nests deeper than any certificate, without exhausting the stack', () => {
    let nested = Buffer.from('0500', 'hex');
    for (let depth = 0; depth < 4000; depth++) {
      const { length } = nested;
      const head = length < 128 ? [0x30, length] : [0x30, 0x82, length >> 8, length & 0xff];
      nested = Buffer.concat([Buffer.from(head), nested]);
    }
    expect(() => parseDer(nested)).toThrow(DerError);
  });

  it('names what it expected when the type is another', () => {
    expect(() => read.sequenceOf(write.nullValue(), 'the validity')).toThrow('the validity is missing');
    expect(() => read.unsignedOf(parseDer(Buffer.from('0201ff', 'hex')), 'the modulus')).toThrow('is negative');
    expect(() => read.booleanOf(parseDer(Buffer.from('010101', 'hex')), 'critical')).toThrow('is not a boolean');
  });
});
