// Headers that the server sends to a header block (HPACK, RFC 7541). A block refers to the table that never changes and to
// nothing else, so that equal headers give equal bytes on every connection, and nothing is kept for one.

import { staticTable } from './static-table.ts';

/** By name: the indexes of the fields of the static table, the lowest first. */
const staticIndexes: ReadonlyMap<string, readonly number[]> = Map.groupBy(
  staticTable.map((_, index) => index + 1),
  (index) => staticTable[index - 1]?.[0] ?? '',
);

/**
 * "An encoder can choose to use less capacity than this maximum size": none. Said at the beginning of each block, since a client that
 * lowers the size expects to be told in the next one (RFC 7541, 4.2), and which one that is depends on the connection.
 */
const noTable = Buffer.of(0x20);

/** Names in lower case; each character of names and values is a byte. Pseudo headers come first, wherever they are. */
export function encodeHeaders(headers: Readonly<Record<string, string | number>>): Buffer {
  const names = Object.keys(headers);
  const pseudo = names.filter((name) => name.startsWith(':'));
  const regular = names.filter((name) => !name.startsWith(':'));
  const fields = [...pseudo, ...regular].flatMap((name) => encodeField(name, String(headers[name])));
  return Buffer.concat([noTable, ...fields]);
}

function encodeField(name: string, value: string): readonly Buffer[] {
  const indexes = staticIndexes.get(name) ?? [];
  const whole = indexes.find((index) => staticTable[index - 1]?.[1] === value);
  if (whole !== undefined) return [encodeInteger(whole, 7, 0x80)];
  const [index = 0] = indexes;
  const literal = encodeInteger(index, 4, 0);
  return index === 0 ? [literal, ...encodeText(name), ...encodeText(value)] : [literal, ...encodeText(value)];
}

function encodeText(text: string): readonly Buffer[] {
  const bytes = Buffer.from(text, 'latin1');
  return [encodeInteger(bytes.length, 7, 0), bytes];
}

/** RFC 7541, 5.1: in the last `prefixBits` of a byte whose first bits are those of `form`, and the bytes behind it. */
function encodeInteger(value: number, prefixBits: number, form: number): Buffer {
  const prefix = 2 ** prefixBits - 1;
  if (value < prefix) return Buffer.of(form | value);
  const bytes = [form | prefix];
  let rest = value - prefix;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  return Buffer.of(...bytes, rest);
}
