// One response before it is encoded: what of a difference goes into it, and what is left for the next one.

import type { EncodedResource, ResourceName } from '../cache/encoded-resource.ts';
import { chooseSome, isNothing, type Chosen, type TakeOptions } from './choose-changes.ts';
import type { Pending } from './pending-changes.ts';

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

/** What goes of a difference in delta: the changes and nothing else. */
export function takeSome(pending: Pending, options: TakeOptions): Taken {
  const chosen = chooseSome(pending, options);
  if (isNothing(chosen, pending)) return { chosen };
  const resources = chosen.additions.flatMap((change) => change.resource ?? []);
  const removed = chosen.removals.map((change) => change.name);
  const batch = batchOf(chosen, { resources, changed: resources, removed });
  const { laterAdditions: additions, laterRemovals: removals } = chosen;
  if (additions.length + removals.length === 0) return { chosen, batch };
  const answerDue = pending.answerDue && additions.length > 0;
  return { chosen, batch, rest: { target: pending.target, additions, removals, answerDue } };
}

export function batchOf(chosen: Chosen, content: Pick<Batch, 'resources' | 'changed' | 'removed'>): Batch {
  const { resources, removed } = content;
  return {
    ...content,
    names: [...new Set([...resources.map((resource) => resource.name), ...removed])],
    added: chosen.additions.length,
    replaced: chosen.additions
      .filter((change) => change.held !== undefined && change.held.version !== change.resource?.version)
      .map(({ name }) => name),
    left: { additions: chosen.laterAdditions.length, removals: chosen.laterRemovals.length },
  };
}
