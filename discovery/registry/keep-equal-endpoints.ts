// Endpoints that were built again → the same list with those of before where they are equal, so that whoever compares the two finds what
// differs by reference. In: both lists, sorted by address. Out: the list before when nothing differs.

import { isDeepStrictEqual } from 'node:util';
import type { Endpoint } from '../model/endpoint.ts';

export function keepEqualEndpoints(before: readonly Endpoint[], built: readonly Endpoint[]): readonly Endpoint[] {
  let next = 0;
  let isSame = before.length === built.length;
  const kept = built.map((endpoint, index) => {
    while (next < before.length && (before[next]?.address ?? '') < endpoint.address) next += 1;
    const known = before[next];
    const equal = known?.address === endpoint.address && isDeepStrictEqual(known, endpoint) ? known : undefined;
    if (equal !== undefined) next += 1;
    isSame &&= equal !== undefined && equal === before[index];
    return equal ?? endpoint;
  });
  return isSame ? before : kept;
}
