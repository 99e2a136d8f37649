// Which RequestAuthentications verify by other keys than before: what is sent for them differs.

import type { ObjectKey } from '../model/names.ts';
import { keyLocationId, type RequestAuthenticationPolicy } from '../model/policies/request-authentication.ts';

type KeySets = ReadonlyMap<string, string>;

export function policiesWithOtherKeys(
  policies: readonly RequestAuthenticationPolicy[],
  before: KeySets,
  after: KeySets,
): ReadonlySet<ObjectKey> {
  if (before === after) return new Set();
  const differs = (id: string): boolean => before.get(id) !== after.get(id);
  const found = policies.filter(({ rules }) =>
    rules.some(({ keys }) => keys.kind === 'fetched' && differs(keyLocationId(keys.location))),
  );
  return new Set(found.map(({ source }) => source));
}
