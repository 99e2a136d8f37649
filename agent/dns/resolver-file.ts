// Reads `/etc/resolv.conf`: which name servers to ask, and which suffixes programs of this pod try. Pure.

import { isIP } from 'node:net';

export type NameServer = { readonly address: string; readonly port: number };

export type ResolverFile = {
  readonly servers: readonly NameServer[];
  /** In lower case, without a dot at the end; in the order in which they are tried. */
  readonly searches: readonly string[];
};

/** As resolv.conf(5) has it: the last `search` or `domain` holds, and of name servers the first three. What is not understood is skipped. */
export function parseResolverFile(text: string): ResolverFile {
  const servers: NameServer[] = [];
  let searches: readonly string[] = [];
  for (const line of text.split('\n')) {
    const [keyword, ...values] = line
      .replace(/[#;].*$/, '')
      .trim()
      .split(/\s+/);
    const [first = ''] = values;
    if (keyword === 'nameserver' && isIP(first) !== 0) servers.push({ address: first, port: 53 });
    if (keyword === 'search' || keyword === 'domain') {
      searches = values.map((value) => value.toLowerCase().replace(/\.$/, '')).filter((value) => value !== '');
    }
  }
  return { servers: servers.slice(0, 3), searches };
}
