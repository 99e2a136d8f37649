// Socket addresses.

import type { Address } from '../../proto/generated/envoy.config.core.v3.ts';

/** An IP address (or a DNS name, where Envoy resolves one) with a TCP port. */
export function socketAddress(address: string, port: number): Address {
  return { socketAddress: { address, portValue: port } };
}
