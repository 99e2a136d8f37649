// Whether a client that returns holds a snapshot already, by what it says on its first request of a type: in delta the versions of
// what it holds (`initial_resource_versions`), in state of the world that of all together (`version_info`).

import { resourceName } from '../cache/encoded-resource.ts';
import { lookUp, sizeOf, type TypeSnapshot } from '../cache/type-snapshot.ts';
import type { ClientState } from './client-state.ts';
import { completeState } from './complete-state.ts';
import { stateVersion } from './state-version.ts';
import type { SubscribedNames } from './subscribed-names.ts';

export interface ReturningClient {
  readonly subscribed: SubscribedNames;
  readonly client: ClientState;
}

/** Whether it holds what it is to have of `target`, in these versions and nothing else. */
export function holdsVersions(target: TypeSnapshot, { subscribed, client }: ReturningClient): boolean {
  const { announced } = client;
  if (announced === undefined) return false;
  const { wildcard, names } = subscribed;
  if (announced.size !== (wildcard ? sizeOf(target) : names.size)) return false;
  for (const [text, version] of announced) {
    const name = resourceName(text);
    if (!wildcard && !names.has(name)) return false;
    if (lookUp(target, name)?.version !== version) return false;
  }
  return true;
}

/**
 * Whether `version` is that of this very state, for a client that asks for nothing but a wildcard. ("it is generally
 * safe for servers to do this optimization for LDS and CDS when the only subscription is a wildcard")
 */
export function holdsState(version: string, target: TypeSnapshot, returning: ReturningClient): boolean {
  const { wildcard, names } = returning.subscribed;
  return wildcard && names.size === 0 && version === stateVersion(completeState(target, returning));
}
