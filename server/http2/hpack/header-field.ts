// A header as HPACK and HTTP/2 see it: a name and a value, each byte of which is a character (latin1).

export type HeaderField = readonly [name: string, value: string];

/** What a field counts for in a table and in a list of headers (RFC 7541, 4.1; RFC 9113, 6.5.2). */
export function fieldBytes(field: HeaderField): number {
  return field[0].length + field[1].length + 32;
}
