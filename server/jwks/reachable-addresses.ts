// Which addresses key sets may be fetched from. Whoever may write a RequestAuthentication chooses what the control plane connects to, so
// what only the machine itself should reach is left out: itself, its link, and the metadata services of clouds.
// In: an address, the operator's exceptions. Out: whether it is asked.

import ipaddr from 'ipaddr.js';
import { cidrContains } from '../../discovery/convert/address.ts';

export interface ReachableAddresses {
  /** CIDR blocks that may be asked, whatever else is said of them. */
  readonly allow: readonly string[];
  /** CIDR blocks that may not, beside those that never may. */
  readonly deny: readonly string[];
}

export const publicAndPrivate: ReachableAddresses = Object.freeze({ allow: [], deny: [] });

const neverAsked: readonly string[] = [
  '0.0.0.0/8',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '224.0.0.0/3',
  '::/127',
  'fe80::/10',
  'ff00::/8',
  // Metadata services that are not on the link.
  '100.100.100.200/32',
  '168.63.129.16/32',
  '192.0.0.192/32',
  'fd00:ec2::/32',
  'fd00:c1::/32',
  'fd20:ce::/32',
];

/** `address`: of either family, in any form. What is no address is not asked. */
export function isReachable(address: string, { allow, deny }: ReachableAddresses): boolean {
  const forms = formsOf(address);
  const [own] = forms;
  if (own === undefined) return false;
  return forms.every((form) => isIn(allow, form) || !isIn([...neverAsked, ...deny], form));
}

function isIn(blocks: readonly string[], address: string): boolean {
  return blocks.some((block) => cidrContains(block, address));
}

/** The address, and the one that it stands for where networks translate. An address that only writes another one is that other one. */
function formsOf(address: string): readonly string[] {
  if (!ipaddr.isValid(address)) return [];
  const parsed = ipaddr.process(address);
  if (parsed instanceof ipaddr.IPv4) return [parsed.toString()];
  const bytes = parsed.toByteArray();
  const range = parsed.range();
  // RFC 6052 and RFC 3056: where the other address stands.
  const offset = range === 'rfc6052' ? 12 : range === '6to4' ? 2 : undefined;
  const inner = offset === undefined ? [] : [bytes.slice(offset, offset + 4).join('.')];
  return [parsed.toString(), ...inner];
}
