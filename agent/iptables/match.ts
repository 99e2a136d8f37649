// Parts of rules, worded exactly as `iptables-save` prints them, so that what is in the kernel can be compared with what should be.
// The order within a rule is -s, -d, -i, -o, -p, other matches, -j.

import type { AddressRange, Family } from './address-range.ts';
import type { Interception } from './interception.ts';

export function rule(chain: string, ...parts: readonly string[]): string {
  return ['-A', chain, ...parts.filter((part) => part !== '')].join(' ');
}

/** Every destination when the range is that of all addresses: the kernel forgets such a match. */
export function to({ cidr, prefixLength }: AddressRange): string {
  return prefixLength === 0 ? '' : `-d ${cidr}`;
}

export function from({ cidr, prefixLength }: AddressRange): string {
  return prefixLength === 0 ? '' : `-s ${cidr}`;
}

export function toPort(protocol: 'tcp' | 'udp', port: number): string {
  return `-p ${protocol} -m ${protocol} --dport ${port}`;
}

export function owners({ proxyUserIds, proxyGroupIds }: Interception): readonly string[] {
  return [...proxyUserIds.map((id) => `--uid-owner ${id}`), ...proxyGroupIds.map((id) => `--gid-owner ${id}`)];
}

export function ofFamily(ranges: readonly AddressRange[], family: Family): readonly AddressRange[] {
  return ranges.filter((range) => range.family === family);
}

/** What means the pod itself. */
export function loopbackRange({ loopbackRange: ipv4 }: Interception, family: Family): string {
  return family === 'ipv4' ? ipv4.cidr : '::1/128';
}

/** The proxy's connections to the application are bound to this address: see the cluster InboundPassthroughCluster. */
export function passthroughSource(family: Family): string {
  return family === 'ipv4' ? '127.0.0.6/32' : '::6/128';
}

export function markOf({ mark }: Interception): string {
  return `0x${mark.toString(16)}`;
}
