// Fetches the keys that the mesh's RequestAuthentications ask for, and gives them to the mesh.

import type { Clock } from '../ca/clock.ts';
import type { MeshStore } from '../discovery/mesh/mesh-store.ts';
import { keyLocations } from '../discovery/model/policies/request-authentication.ts';
import type { Problem } from '../discovery/model/problem.ts';
import type { ReachableAddresses } from './jwks/reachable-addresses.ts';
import { tokenKeyFindings } from './jwks/token-key-findings.ts';
import { TokenKeys } from './jwks/token-keys.ts';
import type { Started } from './lifecycle.ts';

export interface OpenedTokenKeys {
  /** Whether each place of keys was asked at least once. */
  settled(): boolean;
  problems(): readonly Problem[];
}

export function openTokenKeys(options: {
  readonly store: MeshStore;
  readonly clock: Clock;
  readonly started: Started;
  /** Which addresses may be asked. */
  readonly addresses: ReachableAddresses;
}): OpenedTokenKeys {
  const { store, clock, started, addresses } = options;
  const onChange = (keySets: ReadonlyMap<string, string>): void => store.setTokenKeys(keySets);
  const keys = new TokenKeys({ clock, random: Math.random, addresses, onChange });
  let known = store.snapshot.policies.requestAuthentications;
  store.onChange(({ policies: { requestAuthentications } }) => {
    if (requestAuthentications === known) return;
    known = requestAuthentications;
    keys.want(keyLocations(known));
  });
  started.add('token keys', () => keys.close());
  return {
    settled: () => keys.settled,
    problems: () => tokenKeyFindings(store.snapshot.policies.requestAuthentications, keys),
  };
}
