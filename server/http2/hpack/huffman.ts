// The Huffman code of HPACK (RFC 7541, 5.2 and appendix B). The code is canonical: codes of one length follow one another
// in the order of their bytes, and behind them go the longer ones. So the bytes of each length say all of it.

import { MalformedBlock } from './malformed-block.ts';

/** The end of a text, which must not occur in it; its first bits, all ones, fill the last byte. */
const endSymbol = 256;

/** Printable ones as text. */
const symbolsByLength: readonly (readonly [bits: number, ...symbols: readonly (string | number)[]])[] = [
  [5, '012aceiost'],
  [6, ' %-./3456789=A_bdfghlmnpru'],
  [7, ':BCDEFGHIJKLMNOPQRSTUVWYjkqvwxyz'],
  [8, '&*,;XZ'],
  [10, '!"()?'],
  [11, "'+|"],
  [12, '#>'],
  [13, 0, '$@[]~'],
  [14, '^}'],
  [15, '<`{'],
  [19, '\\', 195, 208],
  [20, 128, 130, 131, 162, 184, 194, 224, 226],
  [21, 153, 161, 167, 172, 176, 177, 179, 209, 216, 217, 227, 229, 230],
  [22, 129, 132, 133, 134, 136, 146, 154, 156, 160, 163, 164, 169, 170],
  [22, 173, 178, 181, 185, 186, 187, 189, 190, 196, 198, 228, 232, 233],
  [23, 1, 135, 137, 138, 139, 140, 141, 143, 147, 149, 150, 151, 152, 155, 157],
  [23, 158, 165, 166, 168, 174, 175, 180, 182, 183, 188, 191, 197, 231, 239],
  [24, 9, 142, 144, 145, 148, 159, 171, 206, 215, 225, 236, 237],
  [25, 199, 207, 234, 235],
  [26, 192, 193, 200, 201, 202, 205, 210, 213, 218, 219, 238, 240, 242, 243, 255],
  [27, 203, 204, 211, 212, 214, 221, 222, 223, 241, 244, 245, 246, 247, 248, 250, 251, 252, 253, 254],
  [28, 2, 3, 4, 5, 6, 7, 8, 11, 12, 14, 15, 16, 17, 18, 19, 20, 21],
  [28, 23, 24, 25, 26, 27, 28, 29, 30, 31, 127, 220, 249],
  [30, 10, 13, 22, endSymbol],
];

/** Codes of one length that follow one another, at the front of 32 bits. */
interface CodeRange {
  readonly bits: number;
  readonly symbols: Uint16Array;
  readonly first: number;
  /** The last code, with ones behind it. */
  readonly last: number;
}

const ranges = codeRanges();

function codeRanges(): readonly CodeRange[] {
  let next = 0;
  return symbolsByLength.map(([bits, ...listed]) => {
    const symbols = Uint16Array.from(listed.flatMap((symbol) => bytesOf(symbol)));
    const first = next;
    next += symbols.length * 2 ** (32 - bits);
    return { bits, symbols, first, last: next - 1 };
  });
}

function bytesOf(symbol: string | number): readonly number[] {
  return typeof symbol === 'number' ? [symbol] : [...Buffer.from(symbol, 'latin1')];
}

/** The text that `bytes` hold from `start` to `end`. Throws MalformedBlock. */
export function decodeHuffman(bytes: Uint8Array, start: number, end: number): string {
  const endBit = end * 8;
  // No code is shorter than five bits.
  const text = Buffer.allocUnsafe(Math.floor(((end - start) * 8) / 5));
  let length = 0;
  for (let bit = start * 8; bit < endBit;) {
    const window = bitsFrom(bytes, bit, end);
    const range = rangeOf(window);
    const symbol = range.symbols[(window - range.first) >>> (32 - range.bits)] ?? endSymbol;
    const leftBits = endBit - bit;
    if (symbol === endSymbol && leftBits < 8) break;
    if (symbol === endSymbol || range.bits > leftBits) throw new MalformedBlock('a text has no valid Huffman code');
    text[length] = symbol;
    length += 1;
    bit += range.bits;
  }
  return text.toString('latin1', 0, length);
}

/** The next 32 bits; behind the end there are ones, as if the code of the end were written to its end. */
function bitsFrom(bytes: Uint8Array, bit: number, end: number): number {
  const at = bit >>> 3;
  const shift = bit & 7;
  let high = 0;
  for (let index = at; index < at + 4; index += 1) high = (high << 8) | byteAt(bytes, index, end);
  return ((high << shift) | (byteAt(bytes, at + 4, end) >>> (8 - shift))) >>> 0;
}

function byteAt(bytes: Uint8Array, index: number, end: number): number {
  return index < end ? (bytes[index] ?? 0xff) : 0xff;
}

function rangeOf(window: number): CodeRange {
  for (const range of ranges) if (window <= range.last) return range;
  throw new RangeError('the Huffman code is incomplete');
}
