// Fetches the keys that the mesh's RequestAuthentications ask for, and gives them to the mesh.

import type { Clock } from '../ca/clock.ts';
import type { MeshStore } from '../discovery/mesh/mesh-store.ts';
import { keyLocations } from '../discovery/model/policies/request-authentication.ts';
import type { Problem } from '../discovery/model/problem.ts';
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
}): OpenedTokenKeys {
  const { store, clock, started } = options;
  const keys = new TokenKeys({ clock, random: Math.random, onChange: (keySets) => store.setTokenKeys(keySets) });
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
