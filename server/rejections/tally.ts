// How the connected proxies stand to what was made of an object: the votes before anything is taken back. In: every stream, and which
// resources count. Out: how many proxies rejected one, took what they were sent, or have not answered.

import type { EncodedResource } from '../cache/encoded-resource.ts';
import { resourcesOf, type ResourceSet, type TypeSnapshot } from '../cache/type-snapshot.ts';
import type { Standing } from '../stream/type-delivery.ts';

/** One stream's client. */
export interface Voter {
  standings(typeUrl: string, select: (snapshot: TypeSnapshot) => readonly EncodedResource[]): readonly Standing[];
}

export interface Tally {
  /** Proxies that can't take at least one of the resources. */
  readonly rejected: number;
  /** Proxies that took all that they were sent of them, and were sent one at least. */
  readonly accepted: number;
  readonly unanswered: number;
  /** Proxies to which the very version that was rejected is what they are to have. */
  readonly concerned: number;
}

export function tally(
  voters: Iterable<Voter>,
  rejected: EncodedResource,
  counts: (resource: EncodedResource) => boolean,
): Tally {
  const known = new Map<ResourceSet, readonly EncodedResource[]>();
  let concerned = 0;
  const inPart = (part: ResourceSet): readonly EncodedResource[] => {
    const found =
      known.get(part) ?? [...resourcesOf({ parts: [part] })].filter((one) => isSame(one, rejected) || counts(one));
    known.set(part, found);
    return found;
  };
  const votes = { rejected: 0, accepted: 0, unanswered: 0 };
  for (const voter of voters) {
    let isConcerned = false;
    const standings = voter.standings(rejected.typeUrl, (snapshot) => {
      const selected = snapshot.parts.flatMap(inPart);
      isConcerned = selected.some((one) => isSame(one, rejected));
      return selected;
    });
    if (isConcerned) concerned += 1;
    if (standings.includes('rejected')) votes.rejected += 1;
    else if (standings.includes('unanswered')) votes.unanswered += 1;
    else if (standings.includes('accepted')) votes.accepted += 1;
  }
  return { ...votes, concerned };
}

function isSame(one: EncodedResource, other: EncodedResource): boolean {
  return one.name === other.name && one.version === other.version;
}
