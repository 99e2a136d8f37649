// What a snapshot has that a client lacks, as single changes: the outcome of a comparison, of which responses take their share.

import type { EncodedResource, ResourceName, ResourceVersion } from '../cache/encoded-resource.ts';
import type { TypeSnapshot } from '../cache/type-snapshot.ts';

/** What the client holds of a name, where that is not what the last snapshot says. */
export interface Held {
  readonly version: ResourceVersion;
  /** Kept for state of the world, where a resource whose removal waits is sent again. */
  readonly resource?: EncodedResource | undefined;
}

export interface Change {
  readonly name: ResourceName;
  /** Absent: the client is to drop the name. */
  readonly resource?: EncodedResource | undefined;
  /** What the client holds now; absent when nothing. */
  readonly held?: Held | undefined;
  /** The client asked for this very name and waits for the answer. */
  readonly asked: boolean;
  /** The client waits for it, by its name or as part of everything. */
  readonly owed: boolean;
}

/** What a snapshot has that the client lacks. */
export interface Pending {
  readonly target: TypeSnapshot;
  readonly additions: readonly Change[];
  readonly removals: readonly Change[];
  /** The client waits for an answer even if there is nothing in it. */
  readonly answerDue: boolean;
}

/** Whether the client waits for an answer that is in it. */
export function owesAnswers({ additions, removals, answerDue }: Pending): boolean {
  return answerDue || additions.some(isAsked) || removals.some(isAsked);
}

/** Whether the name is among what is to be sent. */
export function concerns({ additions, removals }: Pending, name: ResourceName): boolean {
  const isIt = (change: Change): boolean => change.name === name;
  return additions.some(isIt) || removals.some(isIt);
}

export interface Named {
  readonly name: ResourceName;
}

/** The order on the wire is that of names, so that equal states give equal responses. */
export function byName(one: Named, other: Named): number {
  return one.name < other.name ? -1 : Number(one.name > other.name);
}

function isAsked(change: Change): boolean {
  return change.asked;
}
