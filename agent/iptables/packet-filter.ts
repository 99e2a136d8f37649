// The kernel's packet filter, spoken to through `iptables-save` and `iptables-restore`, of which a machine may have two kinds: nft and
// legacy. In: which kind, or that it be found out. Out: our part of its tables, read and written.

import { AgentError } from '../agent-error.ts';
import type { Family } from './address-range.ts';
import { runProgram } from './run-program.ts';
import { isNothing, readOwnTables } from './table.ts';
import type { OwnTables } from './table.ts';

export type FilterKind = 'nft' | 'legacy';

export type PacketFilter = {
  /** As a person would call it: `iptables-nft`, or `iptables` where there is one kind only. */
  readonly name: string;
  /** Everything in all tables. */
  save(family: Family): Promise<string>;
  read(family: Family): Promise<OwnTables>;
  /** A table changes as a whole or not at all; of several tables the first may have changed when this fails. */
  write(family: Family, transactions: string): Promise<void>;
  /** Whether the program understands it; the kernel is not asked. */
  check(family: Family, transactions: string): Promise<void>;
};

export function packetFilter(kind?: FilterKind): PacketFilter {
  const program = (family: Family, verb: string): string =>
    [family === 'ipv4' ? 'iptables' : 'ip6tables', ...(kind === undefined ? [] : [kind]), verb].join('-');
  const save = (family: Family): Promise<string> => runProgram([program(family, 'save')]);
  return {
    name: kind === undefined ? 'iptables' : `iptables-${kind}`,
    save,
    read: async (family) => readOwnTables(await save(family)),
    write: async (family, transactions) => {
      await runProgram([program(family, 'restore'), '--noflush', '--wait=10'], transactions);
    },
    check: async (family, transactions) => {
      await runProgram([program(family, 'restore'), '--noflush', '--wait=10', '--test'], transactions);
    },
  };
}

/**
 * The kind that is in use here: the one that has rules of ours, else the one that has more rules, else what `iptables` is. Throws
 * AgentError when no kind works.
 */
export async function findPacketFilter(): Promise<PacketFilter> {
  const [nft, legacy] = await Promise.all([contentOf('nft'), contentOf('legacy')]);
  if (nft !== undefined && legacy !== undefined) {
    if (nft.hasOwn !== legacy.hasOwn) return (nft.hasOwn ? nft : legacy).filter;
    if (nft.rules !== legacy.rules) return (nft.rules > legacy.rules ? nft : legacy).filter;
  }
  const standard = packetFilter();
  try {
    await standard.save('ipv4');
    return standard;
  } catch (error) {
    // The kernel may lack one of the two kinds.
    const other = nft ?? legacy;
    if (other === undefined || (error instanceof AgentError && error.code === 'not-permitted')) throw error;
    return other.filter;
  }
}

/** Every kind that has rules of ours, for taking them away. */
export async function packetFiltersInUse(): Promise<readonly PacketFilter[]> {
  const kinds = (await Promise.all([contentOf('nft'), contentOf('legacy')])).filter((kind) => kind !== undefined);
  if (kinds.length === 0) return [await findPacketFilter()];
  return kinds.filter(({ hasOwn }) => hasOwn).map(({ filter }) => filter);
}

type Content = { readonly filter: PacketFilter; readonly hasOwn: boolean; readonly rules: number };

async function contentOf(kind: FilterKind): Promise<Content | undefined> {
  const filter = packetFilter(kind);
  try {
    const [ipv4, ipv6] = await Promise.all([filter.save('ipv4'), filter.save('ipv6').catch(() => '')]);
    const all = `${ipv4}\n${ipv6}`;
    const hasOwn = [ipv4, ipv6].some((saved) => !isNothing(readOwnTables(saved)));
    return { filter, hasOwn, rules: all.split('\n').filter((line) => line.startsWith('-A ')).length };
  } catch {
    return undefined; // Missing, or not of this kernel: the other kind is left.
  }
}
