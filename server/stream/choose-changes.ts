// Which part of a difference goes into the next response, and what has to wait.

import type { ResourceName } from '../cache/encoded-resource.ts';
import type { Change, Pending } from './pending-changes.ts';

export interface TakeOptions {
  /** May additions and changes go that the client did not ask for just now? */
  readonly additions: boolean;
  readonly removals: boolean;
  /** Nothing but these. */
  readonly only?: ReadonlySet<ResourceName> | undefined;
  /** A response is closed when its resources reach this size. */
  readonly maxBytes: number;
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

/** All of it has to wait, and no answer is due: there is no response. */
export function isNothing(chosen: Chosen, pending: Pending): boolean {
  return chosen.additions.length + chosen.removals.length === 0 && !pending.answerDue;
}
