// An address range as the packet filter prints it: the network's own address, IPv6 in its shortest form. In: text. Out: a range of one
// family, or undefined when it is none.

import ipaddr from 'ipaddr.js';

export type Family = 'ipv4' | 'ipv6';

export type AddressRange = {
  readonly family: Family;
  /** `10.0.0.0/8` */
  readonly cidr: string;
  readonly prefixLength: number;
  readonly isLoopback: boolean;
};

/** `10.1.2.3/8` is `10.0.0.0/8`, an address alone is the range of that address. */
export function parseAddressRange(text: string): AddressRange | undefined {
  const cidr = text.includes('/') ? text : `${text}/${text.includes(':') ? 128 : 32}`;
  if (!ipaddr.IPv4.isValidCIDRFourPartDecimal(cidr) && !ipaddr.IPv6.isValidCIDR(cidr)) return undefined;
  if (cidr.includes('%')) return undefined;
  const [address, prefixLength] = ipaddr.parseCIDR(cidr);
  const network =
    address instanceof ipaddr.IPv6
      ? ipaddr.IPv6.networkAddressFromCIDR(cidr).toRFC5952String()
      : ipaddr.IPv4.networkAddressFromCIDR(cidr).toString();
  return {
    family: address.kind(),
    cidr: `${network}/${prefixLength}`,
    prefixLength,
    isLoopback: address.range() === 'loopback',
  };
}
