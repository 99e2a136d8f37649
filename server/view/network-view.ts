// Which addresses one class of proxies uses to reach the endpoints of a host, and with what weight: endpoints of its own
// network directly, those of another network through that network's gateways, and nothing else.

import type { Endpoint } from '../../discovery/model/endpoint.ts';
import { formatLocality, type Locality } from '../../discovery/model/locality.ts';
import type { ClusterId, NetworkId } from '../../discovery/model/names.ts';
import { compareGateways, compareText, socketOf, type NetworkGateway } from '../../discovery/model/network-gateway.ts';
import { commonLocality, compareRanks, type Preference } from './client-preference.ts';
import { distributeWeights } from './distribute-weights.ts';
import { exactShares } from './exact-shares.ts';
import { labelsMatch } from './visibility.ts';

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

export interface LocalityGroup {
  readonly locality: Locality;
  /** 0 is used first; what stands only for degraded clusters comes last. Without gaps. */
  readonly priority: number;
  /** Never empty. Direct ones by address and port, then gateways (`compareGateways`). */
  readonly endpoints: readonly ReachableEndpoint[];
  /** Sum of the weights of what takes new traffic. */
  readonly weight: number;
}

export type DropReason =
  /** Its network has no known gateway, and its own address means nothing here. */
  | 'no-gateway'
  /** Behind a gateway only mesh mTLS can be told apart, and its workload or this connection has none. */
  | 'no-mtls-across-networks'
  | 'not-ready'
  | 'cluster-local'
  /** `REQUESTED_NETWORK_VIEW` leaves its network out. */
  | 'network-not-requested'
  | 'port-not-served'
  /** Locality settings give its place no traffic. */
  | 'no-share';

/** Endpoints that are left out, for `why`. */
export interface DroppedEndpoints {
  readonly reason: DropReason;
  readonly clusterId: ClusterId;
  readonly network: NetworkId;
  readonly count: number;
}

export interface NetworkView {
  /** By priority, then by locality; each locality once a priority. Weights of a priority together stay below 2^32. */
  readonly groups: readonly LocalityGroup[];
  readonly dropped: readonly DroppedEndpoints[];
}

/** From where, and with which limits, endpoints are looked at. */
export interface Viewpoint {
  readonly clusterId: ClusterId;
  readonly network: NetworkId;
  readonly requestedNetworks: readonly NetworkId[];
  readonly gateways: ReadonlyMap<NetworkId, readonly NetworkGateway[]>;
  /** Clusters whose endpoints are used only where no others are left. */
  readonly degradedClusters: ReadonlySet<ClusterId>;
  readonly reach: Reach;
  /** Whether the workload's proxy takes mesh mTLS on that port of its own. */
  readonly speaksMtls: (endpoint: Endpoint, port: number) => boolean;
}

/**
 * `all`: direct and through gateways. `direct`: without gateways, for traffic that is not mesh mTLS. `direct-mtls`: what an
 * east-west gateway can hand a passed-through connection to.
 */
export type Reach = 'all' | 'direct' | 'direct-mtls';

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
  const fresh = new Tier();
  const degraded = new Tier();
  for (const endpoint of query.endpoints) {
    if (!labelsMatch(query.subsetLabels, endpoint.labels)) continue;
    const port = endpoint.ports[query.portName];
    const choice = choose(endpoint, port, query, viewpoint);
    if (choice.kind === 'drop') drops.add(choice.reason, endpoint);
    else (viewpoint.degradedClusters.has(endpoint.clusterId) ? degraded : fresh).add(endpoint, choice);
  }
  degraded.without(fresh);
  const tiers = [fresh, degraded]
    .flatMap((tier) => byPreference(tier, query.preference, drops))
    .filter(({ direct, remote }) => direct.length + remote.length > 0);
  const groups = tiers.flatMap((tier, index) =>
    groupByLocality(weigh(tier, query.preference), Math.min(index, lastPriority)),
  );
  return { groups, dropped: drops.list() };
}

/** Addresses of one priority. */
interface Addresses {
  readonly direct: readonly Direct[];
  readonly remote: readonly Behind[];
}

/** The ranks of a tier, the best first. A gateway that stands for several counts for the best of them. */
function byPreference(
  { direct, remote }: Addresses,
  preference: Preference | undefined,
  drops: DropCounter,
): readonly Addresses[] {
  if (preference === undefined) return [{ direct, remote }];
  const ranks = new Map<string, { rank: readonly number[]; direct: Direct[]; remote: Behind[] }>();
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

/** Addresses of clusters that are heard, or of degraded ones. */
class Tier {
  readonly #direct = new Map<string, Direct>();
  readonly #remote = new Map<string, Behind>();

  get direct(): readonly Direct[] {
    return [...this.#direct.values()];
  }

  get remote(): readonly Behind[] {
    return [...this.#remote.values()];
  }

  add(endpoint: Endpoint, choice: Exclude<Choice, { kind: 'drop' }>): void {
    if (choice.kind === 'direct') return keepFirst(this.#direct, { endpoint, port: choice.port, mtls: choice.mtls });
    const key = JSON.stringify(choice.gateways);
    const behind = this.#remote.get(key) ?? { gateways: choice.gateways, endpoints: [] };
    behind.endpoints.push(endpoint);
    this.#remote.set(key, behind);
  }

  /** What another tier addresses is not addressed again. */
  without(other: Tier): void {
    for (const key of other.#direct.keys()) this.#direct.delete(key);
    const taken = new Set(other.remote.flatMap(({ gateways }) => gateways.map((gateway) => socketOf(gateway))));
    for (const [key, { gateways, endpoints }] of this.#remote) {
      const left = gateways.filter((gateway) => !taken.has(socketOf(gateway)));
      if (left.length === 0) this.#remote.delete(key);
      else this.#remote.set(key, { gateways: left, endpoints });
    }
  }
}

type Choice =
  | { readonly kind: 'drop'; readonly reason: DropReason }
  | { readonly kind: 'direct'; readonly port: number; readonly mtls: boolean }
  | { readonly kind: 'through'; readonly gateways: readonly NetworkGateway[] };

function choose(endpoint: Endpoint, port: number | undefined, query: EndpointQuery, viewpoint: Viewpoint): Choice {
  if (port === undefined) return { kind: 'drop', reason: 'port-not-served' };
  if (query.clusterLocal && endpoint.clusterId !== viewpoint.clusterId)
    return { kind: 'drop', reason: 'cluster-local' };
  const requested = viewpoint.requestedNetworks;
  const anywhere = endpoint.anyNetwork === true;
  if (requested.length > 0 && !anywhere && !requested.includes(endpoint.network)) {
    return { kind: 'drop', reason: 'network-not-requested' };
  }
  if (endpoint.health === 'unhealthy') return { kind: 'drop', reason: 'not-ready' };
  const own = anywhere || endpoint.network === viewpoint.network;
  const mtls = viewpoint.speaksMtls(endpoint, port);
  if (viewpoint.reach === 'direct-mtls') {
    if (!own) return { kind: 'drop', reason: 'network-not-requested' };
    return mtls ? { kind: 'direct', port, mtls } : { kind: 'drop', reason: 'no-mtls-across-networks' };
  }
  if (own) return { kind: 'direct', port, mtls };
  if (!mtls || viewpoint.reach === 'direct') {
    return { kind: 'drop', reason: 'no-mtls-across-networks' };
  }
  // What drains keeps the connections it has; a gateway would only be given new ones for it.
  if (endpoint.health === 'draining') return { kind: 'drop', reason: 'not-ready' };
  const gateways = gatewaysTo(endpoint, viewpoint.gateways);
  return gateways.length === 0 ? { kind: 'drop', reason: 'no-gateway' } : { kind: 'through', gateways };
}

// Gateways of the endpoint's own cluster know it first-hand; any other of its network can reach it as well.
function gatewaysTo(
  endpoint: Endpoint,
  gateways: ReadonlyMap<NetworkId, readonly NetworkGateway[]>,
): readonly NetworkGateway[] {
  const ofNetwork = gateways.get(endpoint.network) ?? [];
  const ofCluster = ofNetwork.filter((gateway) => gateway.clusterId === endpoint.clusterId);
  const chosen = ofCluster.length > 0 ? ofCluster : ofNetwork;
  const bySocket = new Map<string, NetworkGateway>();
  for (const gateway of chosen.toSorted(compareGateways)) {
    if (!bySocket.has(socketOf(gateway))) bySocket.set(socketOf(gateway), gateway);
  }
  return [...bySocket.values()];
}

interface Direct {
  readonly endpoint: Endpoint;
  readonly port: number;
  readonly mtls: boolean;
}

interface Behind {
  readonly gateways: readonly NetworkGateway[];
  readonly endpoints: Endpoint[];
}

interface Placed {
  readonly reachable: ReachableEndpoint;
  readonly locality: Locality;
}

function weigh({ direct, remote }: Addresses, preference: Preference | undefined): readonly Placed[] {
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
    ...ordered.map(({ endpoint, port, mtls }, index): Placed => {
      const weight = shares.get(String(index)) ?? 1;
      return { reachable: { kind: 'direct', endpoint, port, weight, mtls }, locality: endpoint.locality };
    }),
    ...gateways.map(({ gateway, locality }): Placed => {
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

function groupByLocality(placed: readonly Placed[], priority: number): readonly LocalityGroup[] {
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

function keepFirst(direct: Map<string, Direct>, candidate: Direct): void {
  const key = `${candidate.endpoint.address} ${candidate.port}`;
  const known = direct.get(key);
  if (known === undefined || compareOrigin(candidate, known) < 0) direct.set(key, candidate);
}

// Of two endpoints with one address (two clusters whose pod ranges overlap on one network) the first cluster's holds.
function compareOrigin(a: { endpoint: Endpoint }, b: { endpoint: Endpoint }): number {
  return (
    compareText(a.endpoint.clusterId, b.endpoint.clusterId) ||
    compareText(a.endpoint.workload.name, b.endpoint.workload.name)
  );
}

class DropCounter {
  readonly #counts = new Map<string, DroppedEndpoints>();

  add(reason: DropReason, { clusterId, network }: Endpoint): void {
    const key = JSON.stringify([reason, clusterId, network]);
    const count = (this.#counts.get(key)?.count ?? 0) + 1;
    this.#counts.set(key, { reason, clusterId, network, count });
  }

  list(): readonly DroppedEndpoints[] {
    return [...this.#counts].toSorted(([a], [b]) => compareText(a, b)).map(([, dropped]) => dropped);
  }
}
