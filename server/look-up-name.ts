// A host name to its addresses, by DNS, else as the system knows it (a hosts file). In: the name. Out: addresses with how long
// they may be used. Rejects with an error whose message is a sentence when there are none.

import { lookup, Resolver } from 'node:dns/promises';

export interface FoundAddresses {
  /** Sorted. */
  readonly addresses: readonly string[];
  /** Of the record that ends first; undefined where the system does not say. */
  readonly ttlMs?: number | undefined;
}

export type LookUpName = (hostname: string) => Promise<FoundAddresses>;

const timeoutMs = 5_000;

export async function lookUpName(hostname: string): Promise<FoundAddresses> {
  const resolver = new Resolver({ timeout: timeoutMs, tries: 2 });
  const answers = await Promise.allSettled([
    resolver.resolve4(hostname, { ttl: true }),
    resolver.resolve6(hostname, { ttl: true }),
  ]);
  const records = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
  if (records.length > 0) {
    const ttlMs = Math.min(...records.map(({ ttl }) => ttl)) * 1000;
    return { addresses: records.map(({ address }) => address).toSorted(), ttlMs };
  }
  try {
    const found = await lookup(hostname, { all: true });
    return { addresses: [...new Set(found.map(({ address }) => address))].toSorted() };
  } catch (error) {
    throw new Error(describe(error), { cause: error });
  }
}

function describe(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (code === 'ENOTFOUND') return 'there is no such name';
  if (code === 'EAI_AGAIN') return 'the name server did not answer';
  return code === '' ? String(error) : code;
}
