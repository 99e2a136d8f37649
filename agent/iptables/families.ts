// Which address families are redirected here. In: the packet filter. Out: IPv4 and, where the kernel has it, IPv6, with a sentence
// when it has not; an AgentError where leaving IPv6 out would let traffic pass the proxy by.

import { networkInterfaces } from 'node:os';
import { AgentError, reasonOf } from '../agent-error.ts';
import type { Family } from './address-range.ts';
import type { PacketFilter } from './packet-filter.ts';

export type FamiliesHere = { readonly families: readonly Family[]; readonly notices: readonly string[] };

/** Throws AgentError when IPv6 is needed (an address of this host, or `dualStack`) and can't be redirected. */
export async function familiesHere(filter: PacketFilter, dualStack: boolean): Promise<FamiliesHere> {
  const addresses = Object.values(networkInterfaces()).flatMap((all) => all ?? []);
  const ipv6 = addresses.filter(({ family }) => family === 'IPv6');
  const reachable = ipv6.some(({ internal, address }) => !internal && !address.startsWith('fe80:'));
  if (ipv6.length === 0 && !dualStack) {
    return { families: ['ipv4'], notices: ['no IPv6 in this network namespace: rules for IPv4 only'] };
  }
  try {
    await filter.save('ipv6');
    if (ipv6.length > 0) return { families: ['ipv4', 'ipv6'], notices: [] };
    throw new AgentError(
      'interception-failed',
      '--dual-stack: no device of this network namespace has an IPv6 address',
    );
  } catch (error) {
    if (reachable || dualStack) throw error;
    return { families: ['ipv4'], notices: [`rules for IPv4 only, IPv6 can't be redirected here: ${reasonOf(error)}`] };
  }
}
