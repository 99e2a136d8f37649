// Which endpoints a client is to use first, and how much of its traffic each place gets. In: locality settings and where the
// client is. Out: ranks and shares; a gateway counts as what all that stand behind it have in common.
// https://istio.io/latest/docs/tasks/traffic-management/locality-load-balancing/

import { label } from '../../discovery/convert/well-known.ts';
import type { Endpoint } from '../../discovery/model/endpoint.ts';
import { formatLocality, unknownLocality, type Locality } from '../../discovery/model/locality.ts';
import type { LocalitySettings } from '../../discovery/model/policy.ts';

/** Where a client is, and the labels that settings may compare. */
export interface ClientPlace {
  readonly locality: Locality;
  readonly labels: Readonly<Record<string, string>>;
}

export interface Preference {
  /** The entry of a distribution that an endpoint there gets a share of; undefined: none, or nothing is distributed. */
  placeOf(locality: Locality): DistributedPlace | undefined;
  /** Compared number by number, the lowest first. Undefined: not to be used at all. */
  rankOf(candidates: readonly Endpoint[]): readonly number[] | undefined;
}

export interface DistributedPlace {
  readonly place: string;
  readonly percent: number;
}

export function preferenceOf(settings: LocalitySettings, client: ClientPlace): Preference {
  const { distribute, failover, failoverPriority } = settings;
  const places = distribute.find(({ from }) => covers(from, client.locality))?.to;
  // The deepest place is the most exact.
  const inOrder = (places ?? []).toSorted((a, b) => depthOf(b.place) - depthOf(a.place));
  const placeOf = (locality: Locality): DistributedPlace | undefined =>
    inOrder.find(({ place }) => covers(place, locality));
  const byLabels = failoverPriority.length > 0;
  const byLocality = failover.length > 0 || (!byLabels && distribute.length === 0);
  const rankOf = (candidates: readonly Endpoint[]): readonly number[] | undefined => {
    const isDistributed = candidates.some(({ locality }) => placeOf(locality) !== undefined);
    if (isDistributed) return [0];
    if (places !== undefined && !byLabels && !byLocality) return undefined;
    return [
      places === undefined ? 0 : 1,
      ...(byLabels ? [labelRank(candidates, client, failoverPriority)] : []),
      ...(byLocality
        ? [localityRank(commonLocality(candidates.map((one) => one.locality)), client.locality, failover)]
        : []),
    ];
  };
  return { placeOf, rankOf };
}

/** Number by number. */
export function compareRanks(a: readonly number[], b: readonly number[]): number {
  for (const [index, value] of a.entries()) {
    const difference = value - (b[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** What all of them share, from the region down: a gateway in front of two zones is in neither. */
export function commonLocality(localities: readonly Locality[]): Locality {
  const [first = unknownLocality, ...rest] = localities;
  let common = first;
  for (const locality of rest) {
    if (locality.region !== common.region) return unknownLocality;
    if (locality.zone !== common.zone) common = { region: common.region, zone: '', subzone: '' };
    else if (locality.subzone !== common.subzone) common = { ...common, subzone: '' };
  }
  return common;
}

/** The labels that say where a workload is; endpoints carry them among their labels. */
export function topologyLabel(
  name: string,
  where: { readonly clusterId: string; readonly network: string; readonly locality: Locality },
): string | undefined {
  switch (name) {
    case label.cluster:
      return where.clusterId;
    case label.network:
      return where.network;
    case label.region:
      return where.locality.region;
    case label.zone:
      return where.locality.zone;
    case label.subzone:
      return where.locality.subzone;
    default:
      return undefined;
  }
}

// How many of the first labels have the wanted value: all of them 0, none the number of labels.
function labelRank(candidates: readonly Endpoint[], client: ClientPlace, priorities: readonly string[]): number {
  const matching = priorities.findIndex((text) => {
    const equals = text.indexOf('=');
    const name = equals < 0 ? text : text.slice(0, equals);
    const wanted = equals < 0 ? (client.labels[name] ?? '') : text.slice(equals + 1);
    return !candidates.every((endpoint) => (endpoint.labels[name] ?? '') === wanted);
  });
  return matching < 0 ? 0 : priorities.length - matching;
}

// The same subzone, zone, region; then the region that the client's fails over to, or any when none is named.
function localityRank(
  { region, zone, subzone }: Locality,
  client: Locality,
  failover: LocalitySettings['failover'],
): number {
  if (client.region === '') return 0;
  if (region === client.region) {
    if (zone !== client.zone) return 2;
    return subzone === client.subzone ? 0 : 1;
  }
  const targets = failover.filter(({ from }) => from === client.region);
  return targets.length === 0 || targets.some(({ to }) => to === region) ? 3 : 4;
}

function depthOf(place: string): number {
  return place === '*' ? 0 : beforeStar(place).split('/').length;
}

function beforeStar(place: string): string {
  return place.endsWith('/*') ? place.slice(0, -2) : place;
}

function covers(place: string, locality: Locality): boolean {
  if (place === '*') return true;
  const text = formatLocality(locality);
  const prefix = beforeStar(place);
  return text === prefix || text.startsWith(`${prefix}/`);
}
