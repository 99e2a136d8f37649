// Headers that are said of an asked request, written as curl takes them. Values decide matches and are never shown again.

/** By name in small letters. Undefined: the request does not have it. What is not in the map is not known. */
export type AskedHeaders = ReadonlyMap<string, string | undefined>;

const maxHeaders = 64;

/**
 * Reads `NAME: VALUE` each; `NAME:` says that there is no such header, `NAME;` that it is empty. Of one that is said again the
 * values are joined by commas, as proxies see them. A text says what is wrong with them, without any value.
 */
export function readHeaders(lines: readonly string[]): AskedHeaders | string {
  if (lines.length > maxHeaders) return `At most ${String(maxHeaders)} headers can be given.`;
  const headers = new Map<string, string | undefined>();
  for (const [index, line] of lines.entries()) {
    const [, name, separator, rest = ''] = /^\s*([-!#$%&'*+.^_`|~0-9a-z]+)\s*([:;])([^\r\n\0]*)$/i.exec(line) ?? [];
    const value = rest.trim();
    if (name === undefined || (separator === ';' && value !== '')) {
      return `Header ${String(index + 1)} is not NAME: VALUE (NAME: for none, NAME; for an empty one).`;
    }
    const key = name.toLowerCase();
    if (key === 'host') return 'The Host header is the host that is asked about: it is not given as a header.';
    const known = headers.get(key);
    const said = separator === ':' && value === '' ? undefined : value;
    headers.set(key, known === undefined || said === undefined ? (said ?? known) : `${known},${said}`);
  }
  return headers;
}

/** What is known of a request behind what sets, adds or removes headers of these names. */
export function withoutHeaders(headers: AskedHeaders, names: readonly string[]): AskedHeaders {
  const changed = new Set(names.map((name) => name.toLowerCase()));
  return new Map([...headers].filter(([name]) => !changed.has(name)));
}
