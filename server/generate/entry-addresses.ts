// How the connections of a host of a ServiceEntry are recognised where HTTP says nothing: by its addresses, by blocks of them, by the
// server name of their hello, or by the port alone.

import type { EntryDetails, MeshService, ServicePort } from '../../discovery/model/service.ts';
import type { OutboundView } from '../view/outbound-view.ts';
import type { ListenerContribution, ToCluster } from './listener-contribution.ts';

export function entryContributions(
  view: OutboundView,
  { service, entry, port }: { readonly service: MeshService; readonly entry: EntryDetails; readonly port: ServicePort },
  target: ToCluster,
): readonly ListenerContribution[] {
  const addresses = view.virtualAddresses(service.host);
  const contributions: ListenerContribution[] = addresses.map((address) => ({ kind: 'tcp', address, ...target }));
  const { ranges } = entry;
  if (ranges.length > 0) contributions.push({ kind: 'wildcard', ranges, serverNames: [], ...target });
  const hasOwn = ranges.length > 0 || [...service.addresses.values()].some((list) => list.length > 0);
  if (hasOwn) return contributions;
  const isTls = port.protocol === 'https' || port.protocol === 'tls';
  if (isTls) contributions.push({ kind: 'wildcard', ranges: [], serverNames: [service.host], ...target });
  // An address of the mesh's own tells it from every other service of the port.
  else if (addresses.length === 0) contributions.push({ kind: 'wildcard', ranges: [], serverNames: [], ...target });
  return contributions;
}
