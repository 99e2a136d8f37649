// What a client lacks of a snapshot: of the names that may differ, those that it asks for and does not hold as they are.

import type { ResourceName } from '../cache/encoded-resource.ts';
import type { SnapshotDifferences } from '../cache/snapshot-differences.ts';
import { emptyTypeSnapshot, lookUp, namesOf, type TypeSnapshot } from '../cache/type-snapshot.ts';
import type { ClientState } from './client-state.ts';
import { byName, type Change, type Pending } from './pending-changes.ts';
import type { SubscribedNames } from './subscribed-names.ts';

export interface Compared {
  readonly client: ClientState;
  readonly subscribed: SubscribedNames;
  /** Whether the client can be told that a resource is gone. */
  readonly canRemove: boolean;
  readonly differences: SnapshotDifferences;
}

/** Undefined when it lacks nothing and waits for no answer. */
export function compareSnapshot(target: TypeSnapshot, compared: Compared): Pending | undefined {
  const { client, subscribed, canRemove } = compared;
  const { answerDue } = client;
  const additions: Change[] = [];
  const removals: Change[] = [];
  for (const name of candidates(target, compared)) {
    const asked = client.isOwed(name);
    const covered = subscribed.covers(name);
    if (!asked && !covered) continue;
    const owed = asked || answerDue;
    const resource = covered ? lookUp(target, name) : undefined;
    const held = client.heldOf(name);
    if (resource !== undefined) {
      if (asked || held?.version !== resource.version) additions.push({ name, resource, held, asked, owed });
    } else if (canRemove && (asked || held !== undefined)) removals.push({ name, held, asked, owed: asked });
  }
  if (additions.length === 0 && removals.length === 0 && !answerDue) return undefined;
  return { target, additions: additions.toSorted(byName), removals: removals.toSorted(byName), answerDue };
}

/** Names that may differ, each once. A stream's first comparison has nothing to compare with. */
function candidates(target: TypeSnapshot, { client, subscribed, differences }: Compared): Iterable<ResourceName> {
  if (client.sent !== emptyTypeSnapshot) return client.withExceptions(differences.between(client.sent, target));
  return client.withExceptions(subscribed.wildcard ? namesOf(target) : subscribed.names);
}
