// IP addresses as Kubernetes writes them. In: text. Out: its family and its one canonical form, so that equal addresses are
// equal strings.

import ipaddr from 'ipaddr.js';

export type IpFamily = 'IPv4' | 'IPv6';

/** The family of a plain address (four dotted decimals, or colons without a zone); undefined for anything else. */
export function ipFamily(text: string): IpFamily | undefined {
  if (ipaddr.IPv4.isValidFourPartDecimal(text)) return 'IPv4';
  if (!text.includes('%') && ipaddr.IPv6.isValid(text)) return 'IPv6';
  return undefined;
}

/** Canonical text of an address; undefined when it is none. */
export function canonicalAddress(text: string): string | undefined {
  const family = ipFamily(text);
  if (family === 'IPv4') return ipaddr.IPv4.parse(text).toString();
  return family === 'IPv6' ? ipaddr.IPv6.parse(text).toRFC5952String() : undefined;
}

/** True when a CIDR block (`10.0.0.0/8`) holds the address. Both must be valid; families differ: false. */
export function cidrContains(cidr: string, address: string): boolean {
  const [block, bits] = ipaddr.parseCIDR(cidr);
  const parsed = ipaddr.parse(address);
  return block.kind() === parsed.kind() && parsed.match(block, bits);
}

export function isCidr(text: string): boolean {
  return ipaddr.isValidCIDR(text);
}
