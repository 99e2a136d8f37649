// Whose virtual IP an address is, as a proxy sees it: what it leads to from there first, then what other clusters call by it.

import ipaddr from 'ipaddr.js';
import type { MeshSnapshot } from '../../discovery/model/mesh-snapshot.ts';
import { compareText } from '../../discovery/model/network-gateway.ts';
import type { MeshService } from '../../discovery/model/service.ts';
import type { OutboundView } from '../view/outbound-view.ts';

export interface AddressQuestion {
  readonly mesh: MeshSnapshot;
  readonly view: OutboundView;
  /** Without brackets. */
  readonly address: string;
  readonly port?: number | undefined;
}

export interface AddressOwner {
  readonly service: MeshService;
  /** The service has it in other clusters alone: from here it leads nowhere. */
  readonly isElsewhere: boolean;
}

/** Undefined for what is no address, or no service's. Of several services with one address the port decides, then age. */
export function ownerOfAddress({ mesh, view, address, port }: AddressQuestion): AddressOwner | undefined {
  if (!ipaddr.isValid(address)) return undefined;
  const wanted = ipaddr.parse(address).toString();
  const owner = port === undefined ? undefined : view.ownerOf(wanted, port);
  const named = owner === undefined ? undefined : mesh.services.get(owner);
  if (named !== undefined) return { service: named, isElsewhere: false };
  const own: MeshService[] = [];
  const others: MeshService[] = [];
  for (const service of mesh.services.values()) {
    const cluster = service.entry === undefined ? view.scope.clusterId : mesh.primary;
    const here = service.addresses.get(cluster) ?? [];
    if (here.includes(wanted) || view.virtualAddresses(service.host).includes(wanted)) own.push(service);
    else if ([...service.addresses.values(), service.allocatedAddresses].flat().includes(wanted)) others.push(service);
  }
  const oldest = own.toSorted(compareAge)[0];
  if (oldest !== undefined) return { service: oldest, isElsewhere: false };
  const other = others.toSorted(compareAge)[0];
  return other === undefined ? undefined : { service: other, isElsewhere: true };
}

function compareAge(a: MeshService, b: MeshService): number {
  return a.createdAtMs - b.createdAtMs || compareText(a.host, b.host);
}
