// The traffic that each address of one priority gets. In: addresses, and what the client prefers. Out: the same in order, each with its
// exact share: an endpoint behind a gateway counts as if it were reached directly.

import type { Endpoint } from '../../discovery/model/endpoint.ts';
import type { Locality } from '../../discovery/model/locality.ts';
import { compareGateways, compareText, socketOf, type NetworkGateway } from '../../discovery/model/network-gateway.ts';
import { compareOrigin, type Addresses } from './address-tier.ts';
import { commonLocality, type Preference } from './client-preference.ts';
import { distributeWeights } from './distribute-weights.ts';
import { exactShares } from './exact-shares.ts';

/** One address of an assignment. */
export type ReachableEndpoint =
  | {
      readonly kind: 'direct';
      readonly endpoint: Endpoint;
      readonly port: number;
      readonly weight: number;
      /** Whether a connection to it is mesh mTLS. */
      readonly mtls: boolean;
    }
  | { readonly kind: 'gateway'; readonly gateway: NetworkGateway; readonly weight: number };

/** Where an address is: a gateway is where all that stand behind it are. */
export interface PlacedAddress {
  readonly reachable: ReachableEndpoint;
  readonly locality: Locality;
}

/** Direct ones by address and port, then gateways (`compareGateways`), each once. */
export function weighAddresses(
  { direct, remote }: Addresses,
  preference: Preference | undefined,
): readonly PlacedAddress[] {
  const ordered = direct.toSorted(
    (a, b) => compareText(a.endpoint.address, b.endpoint.address) || a.port - b.port || compareOrigin(a, b),
  );
  const behind = new Map<string, { gateway: NetworkGateway; locality: Locality }>();
  for (const { gateways, endpoints } of remote) {
    const locality = commonLocality(endpoints.map((endpoint) => endpoint.locality));
    for (const gateway of gateways) {
      const known = behind.get(socketOf(gateway));
      behind.set(socketOf(gateway), {
        gateway: known === undefined || compareGateways(gateway, known.gateway) < 0 ? gateway : known.gateway,
        locality: known === undefined ? locality : commonLocality([known.locality, locality]),
      });
    }
  }
  const weights = endpointWeights(
    [...ordered.map(({ endpoint }) => [endpoint]), ...remote.map(({ endpoints }) => endpoints)],
    preference,
  );
  const shares = exactShares([
    ...ordered.map((_, index) => ({ weight: weights[index] ?? 1, among: [String(index)] })),
    ...remote.map(({ gateways }, index) => ({
      weight: weights[ordered.length + index] ?? 1,
      among: gateways.map((gateway) => socketOf(gateway)),
    })),
  ]);
  const gateways = [...behind.values()].toSorted((a, b) => compareGateways(a.gateway, b.gateway));
  return [
    ...ordered.map(({ endpoint, port, mtls }, index): PlacedAddress => {
      const weight = shares.get(String(index)) ?? 1;
      return { reachable: { kind: 'direct', endpoint, port, weight, mtls }, locality: endpoint.locality };
    }),
    ...gateways.map(({ gateway, locality }): PlacedAddress => {
      const weight = shares.get(socketOf(gateway)) ?? 1;
      return { reachable: { kind: 'gateway', gateway, weight }, locality };
    }),
  ];
}

/** What each bundle of endpoints weighs: as declared, or its part of what is distributed. */
function endpointWeights(
  bundles: readonly (readonly Endpoint[])[],
  preference: Preference | undefined,
): readonly (number | bigint)[] {
  const placed = bundles.flatMap((endpoints, bundle) =>
    endpoints.flatMap(({ locality, weight }) => {
      const place = preference?.placeOf(locality);
      return place === undefined ? [] : [{ bundle, weight, ...place }];
    }),
  );
  if (placed.length === 0) {
    return bundles.map((endpoints) => endpoints.reduce((sum, { weight }) => sum + weight, 0));
  }
  const sums = bundles.map(() => 0n);
  for (const [index, weight] of distributeWeights(placed).entries()) {
    const { bundle = 0 } = placed[index] ?? {};
    sums[bundle] = (sums[bundle] ?? 0n) + weight;
  }
  return sums;
}
