// Whether proxies may be of other classes after a change of policies. In: the indexes of two snapshots. Out: false when nothing
// that a view key is made of differs.

import { isDeepStrictEqual } from 'node:util';
import type { PolicyIndex } from '../../discovery/model/mesh-snapshot.ts';
import type { ViewIndex } from './view-index.ts';

/** What keys know of only by an index, which is compared, and what concerns no proxy. Any other policy may move one. */
const notInKeys: ReadonlySet<string> = new Set([
  'virtualServices',
  'wildcardVirtualServices',
  'delegation',
  'destinationRules',
  'wildcardDestinationRules',
  'proxyConfigs',
] satisfies readonly (keyof PolicyIndex)[]);

export function policiesMoveProxies(before: ViewIndex, after: ViewIndex): boolean {
  if (before.mesh.config !== after.mesh.config) return true;
  // Keys of token issuers, of which a key holds the value: their policy stays the same object when they arrive.
  if (before.mesh.tokenKeys !== after.mesh.tokenKeys) return true;
  const then = new Map<string, unknown>(Object.entries(before.mesh.policies));
  for (const [kind, policies] of Object.entries(after.mesh.policies)) {
    if (!notInKeys.has(kind) && then.get(kind) !== policies) return true;
  }
  return !isDeepStrictEqual(
    [before.sourceLabelNames, before.clientTraits],
    [after.sourceLabelNames, after.clientTraits],
  );
}
