// The virtual IPs that a client knows a service by.

import { isIPv6 } from 'node:net';
import type { ClusterId } from '../../discovery/model/names.ts';
import type { MeshService } from '../../discovery/model/service.ts';
import type { OutboundScope } from './scope.ts';

/**
 * Those in the client's own cluster, else those that are allocated; empty for a headless service. `primary`: the cluster whose
 * ServiceEntries count.
 */
export function virtualAddressesOf(
  service: MeshService,
  { clusterId, families, dnsCapture }: Pick<OutboundScope, 'clusterId' | 'families' | 'dnsCapture'>,
  primary: ClusterId,
): readonly string[] {
  const own = service.addresses.get(service.entry === undefined ? clusterId : primary) ?? [];
  if (own.length > 0 || service.kind !== 'cluster-ip') return own;
  // Who asks another resolver gets the host's real addresses.
  if (service.entry !== undefined && dnsCapture !== true) return own;
  return service.allocatedAddresses.filter((one) => families === 'dual' || isIPv6(one) === (families === 'ipv6'));
}
