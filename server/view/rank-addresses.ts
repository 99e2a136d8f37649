// Addresses in the order in which a client prefers them. In: addresses, and what the client prefers. Out: a list a priority, the best first.

import type { Endpoint } from '../../discovery/model/endpoint.ts';
import { socketOf } from '../../discovery/model/network-gateway.ts';
import type { Addresses, DirectEndpoint, GatewayBundle } from './address-tier.ts';
import { compareRanks, type Preference } from './client-preference.ts';
import type { DropCounter } from './dropped-endpoints.ts';

/** What has no rank is dropped. A gateway that stands for several endpoints counts for the best of them, and is there once. */
export function rankAddresses(
  { direct, remote }: Addresses,
  preference: Preference | undefined,
  drops: DropCounter,
): readonly Addresses[] {
  if (preference === undefined) return [{ direct, remote }];
  const ranks = new Map<string, { rank: readonly number[]; direct: DirectEndpoint[]; remote: GatewayBundle[] }>();
  const at = (candidates: readonly Endpoint[]) => {
    const rank = preference.rankOf(candidates);
    if (rank === undefined) {
      for (const endpoint of candidates) drops.add('no-share', endpoint);
      return undefined;
    }
    const key = rank.join();
    const known = ranks.get(key) ?? { rank, direct: [], remote: [] };
    ranks.set(key, known);
    return known;
  };
  for (const one of direct) at([one.endpoint])?.direct.push(one);
  for (const one of remote) at(one.endpoints)?.remote.push(one);
  const taken = new Set<string>();
  return [...ranks.values()]
    .toSorted((a, b) => compareRanks(a.rank, b.rank))
    .map((ranked) => {
      const left = ranked.remote.flatMap(({ gateways, endpoints }) => {
        const free = gateways.filter((gateway) => !taken.has(socketOf(gateway)));
        return free.length === 0 ? [] : [{ gateways: free, endpoints }];
      });
      for (const { gateways } of left) for (const gateway of gateways) taken.add(socketOf(gateway));
      return { direct: ranked.direct, remote: left };
    });
}
