// The weight of each endpoint when places are to get percentages of the traffic. In: endpoints with the percentage of their
// place. Out: integers in exactly that proportion, where the endpoints of a place share its percentage by their own weights.

import { greatestDivisor, leastCommonMultiple } from './exact-shares.ts';

export interface PlacedEndpoint {
  /** A positive integer. */
  readonly weight: number;
  readonly place: string;
  /** Of the whole traffic, for the place. */
  readonly percent: number;
}

/** In the order of the endpoints, as small as they can be. A place without endpoints leaves its part to the others. */
export function distributeWeights(endpoints: readonly PlacedEndpoint[]): readonly bigint[] {
  const totals = new Map<string, bigint>();
  for (const { place, weight } of endpoints) totals.set(place, (totals.get(place) ?? 0n) + BigInt(weight));
  const multiple = [...totals.values()].reduce((lcm, total) => leastCommonMultiple(lcm, total), 1n);
  const weights = endpoints.map(
    ({ place, weight, percent }) => (BigInt(percent) * BigInt(weight) * multiple) / (totals.get(place) ?? 1n),
  );
  const divisor = weights.reduce((gcd, weight) => greatestDivisor(gcd, weight), 0n);
  return weights.map((weight) => weight / (divisor === 0n ? 1n : divisor));
}
