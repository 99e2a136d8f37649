// Which addresses one class of proxies uses to reach the endpoints of a host, and with what weight: endpoints of its own
// network directly, those of another network through that network's gateways, and nothing else.

import type { Endpoint } from '../../discovery/model/endpoint.ts';
import { formatLocality, type Locality } from '../../discovery/model/locality.ts';
import { compareText } from '../../discovery/model/network-gateway.ts';
import { AddressTier } from './address-tier.ts';
import type { Preference } from './client-preference.ts';
import { DropCounter, type DroppedEndpoints } from './dropped-endpoints.ts';
import { pathTo, type Viewpoint } from './endpoint-path.ts';
import { rankAddresses } from './rank-addresses.ts';
import { labelsMatch } from './visibility.ts';
import { weighAddresses, type PlacedAddress, type ReachableEndpoint } from './weigh-addresses.ts';

export interface LocalityGroup {
  readonly locality: Locality;
  /** 0 is used first; what stands only for degraded clusters comes last. Without gaps. */
  readonly priority: number;
  /** Never empty. Direct ones by address and port, then gateways (`compareGateways`). */
  readonly endpoints: readonly ReachableEndpoint[];
  /** Sum of the weights of what takes new traffic. */
  readonly weight: number;
}

export interface NetworkView {
  /** By priority, then by locality; each locality once a priority. Weights of a priority together stay below 2^32. */
  readonly groups: readonly LocalityGroup[];
  readonly dropped: readonly DroppedEndpoints[];
}

export interface EndpointQuery {
  readonly endpoints: readonly Endpoint[];
  readonly portName: string;
  /** Labels of the subset; empty selects all. */
  readonly subsetLabels: Readonly<Record<string, string>>;
  readonly clusterLocal: boolean;
  /** Absent: all endpoints are the same to the client, wherever they are. */
  readonly preference?: Preference | undefined;
}

/** Envoy has no more priorities. */
const lastPriority = 127;

/**
 * The view of one service port. One entry a gateway address in the whole view, since Envoy keeps only the first of two
 * equal addresses: it carries the weight of all that stands behind it, whatever their localities. Weights are exact: an
 * endpoint behind a gateway gets the share that it would get if it were reached directly. Endpoints of degraded clusters
 * come second; an address that stands for others, too, is there for the others alone.
 */
export function viewEndpoints(query: EndpointQuery, viewpoint: Viewpoint): NetworkView {
  const drops = new DropCounter();
  const fresh = new AddressTier();
  const degraded = new AddressTier();
  for (const endpoint of query.endpoints) {
    if (!labelsMatch(query.subsetLabels, endpoint.labels)) continue;
    const port = endpoint.ports[query.portName];
    const path = pathTo(endpoint, { port, clusterLocal: query.clusterLocal }, viewpoint);
    if (path.kind === 'drop') drops.add(path.reason, endpoint);
    else (viewpoint.degradedClusters.has(endpoint.clusterId) ? degraded : fresh).add(endpoint, path);
  }
  degraded.without(fresh);
  const tiers = [fresh, degraded]
    .flatMap((tier) => rankAddresses(tier, query.preference, drops))
    .filter(({ direct, remote }) => direct.length + remote.length > 0);
  const groups = tiers.flatMap((tier, index) =>
    groupByLocality(weighAddresses(tier, query.preference), Math.min(index, lastPriority)),
  );
  return { groups, dropped: drops.list() };
}

function groupByLocality(placed: readonly PlacedAddress[], priority: number): readonly LocalityGroup[] {
  const groups = new Map<string, { locality: Locality; endpoints: ReachableEndpoint[] }>();
  for (const { reachable, locality } of placed) {
    const key = formatLocality(locality);
    const group = groups.get(key) ?? { locality, endpoints: [] };
    group.endpoints.push(reachable);
    groups.set(key, group);
  }
  return [...groups]
    .toSorted(([a], [b]) => compareText(a, b))
    .map(([, { locality, endpoints }]) => ({
      locality,
      priority,
      endpoints,
      weight: endpoints.reduce((sum, { weight }) => sum + weight, 0),
    }));
}
