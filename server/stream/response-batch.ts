// Which part of a difference goes into the next response, and what has to wait.

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

export interface TakeOptions {
  /** May additions and changes go that the client did not ask for just now? */
  readonly additions: boolean;
  readonly removals: boolean;
  /** Nothing but these. */
  readonly only?: ReadonlySet<ResourceName> | undefined;
  /** A response is closed when its resources reach this size. */
  readonly maxBytes: number;
}

/** One response: what goes into it, in the order of names. */
export interface Batch {
  /** Of all that is in it, each once. */
  readonly names: readonly ResourceName[];
  readonly resources: readonly EncodedResource[];
  /** Those of them that are new, changed or asked for: not what only completes a state of the world. */
  readonly changed: readonly EncodedResource[];
  /** Delta only: state of the world removes by leaving out. */
  readonly removed: readonly ResourceName[];
  /** How many of them are new or changed: all but those that complete a state of the world. */
  readonly added: number;
  /** Names in `resources` that the client held in another version. */
  readonly replaced: readonly ResourceName[];
  /** Additions, changes and removals that are still to be sent. */
  readonly left: { readonly additions: number; readonly removals: number };
}

/** What one response takes out of a difference. */
export interface Taken {
  readonly chosen: Chosen;
  /** Absent when all of it has to wait. */
  readonly batch?: Batch | undefined;
  /** What is still to be sent, when the difference may be shared. */
  readonly rest?: Pending | undefined;
}

/** A difference in two: what goes now, what goes later. */
export interface Chosen {
  readonly additions: readonly Change[];
  readonly removals: readonly Change[];
  readonly laterAdditions: readonly Change[];
  readonly laterRemovals: readonly Change[];
}

/** Answers always go; of the rest what may go, until the response is full. */
export function chooseSome(pending: Pending, options: TakeOptions): Chosen {
  const additions: Change[] = [];
  const laterAdditions: Change[] = [];
  const { only } = options;
  const isMeant = ({ name }: Change): boolean => only === undefined || only.has(name);
  let bytes = 0;
  for (const change of pending.additions) {
    if ((change.owed || options.additions) && isMeant(change) && bytes < options.maxBytes) {
      additions.push(change);
      bytes += change.resource?.deltaFrame.length ?? 0;
    } else laterAdditions.push(change);
  }
  const goes = (change: Change): boolean => (change.owed || options.removals) && isMeant(change);
  const removals = pending.removals.filter(goes);
  return { additions, removals, laterAdditions, laterRemovals: pending.removals.filter((change) => !goes(change)) };
}

/** A complete state can't be divided: all additions go or none, and a removal that waits is part of the state. */
export function chooseComplete(pending: Pending, options: TakeOptions): Chosen {
  const asked = pending.answerDue || [...pending.additions, ...pending.removals].some((change) => change.owed);
  const goes = asked || (options.additions && pending.additions.length > 0) || options.removals;
  const blocked = !asked && !options.additions && pending.additions.length > 0;
  if (!goes || blocked)
    return { additions: [], removals: [], laterAdditions: pending.additions, laterRemovals: pending.removals };
  const stays = (change: Change): boolean => !change.owed && !options.removals;
  return {
    additions: pending.additions,
    removals: pending.removals.filter((change) => !stays(change)),
    laterAdditions: [],
    laterRemovals: pending.removals.filter(stays),
  };
}

export interface Named {
  readonly name: ResourceName;
}

/** The order on the wire is that of names, so that equal states give equal responses. */
export function byName(one: Named, other: Named): number {
  return one.name < other.name ? -1 : Number(one.name > other.name);
}
