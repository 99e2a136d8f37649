// All resources that a client is to have of one type: what a response in state of the world carries, of types whose responses are
// complete.

import type { EncodedResource, ResourceName } from '../cache/encoded-resource.ts';
import { lookUp, namesOf, type TypeSnapshot } from '../cache/type-snapshot.ts';
import type { ClientState } from './client-state.ts';
import { byName } from './pending-changes.ts';
import type { SubscribedNames } from './subscribed-names.ts';

/** In the order of names: what `target` has and what is not yet removed. */
export function completeState(
  target: TypeSnapshot,
  { subscribed, client }: { readonly subscribed: SubscribedNames; readonly client: ClientState },
): readonly EncodedResource[] {
  const resources = new Map<ResourceName, EncodedResource>();
  const names = subscribed.wildcard ? namesOf(target) : subscribed.names;
  for (const name of names) {
    const resource = lookUp(target, name);
    if (resource !== undefined) resources.set(name, resource);
  }
  for (const [name, held] of client.exceptions()) {
    if (held?.resource !== undefined && !resources.has(name)) resources.set(name, held.resource);
  }
  return [...resources.values()].toSorted(byName);
}
