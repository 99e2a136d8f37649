// Patches that are for nothing of any proxy that is connected and selected. In: what became of patches in all views in use. Out: a finding
// for each.

import type { Problem } from '../../discovery/model/problem.ts';
import type { ScopedPatch } from '../view/envoy-patches.ts';
import { patchProblem } from './patch-run.ts';
import type { ViewPatches } from './view-patches.ts';

export function unmatchedPatches(views: Iterable<ViewPatches>): readonly Problem[] {
  const unmatched = new Map<string, ScopedPatch>();
  const matched = new Set<string>();
  for (const view of views) {
    for (const scoped of view.patches) {
      const key = `${scoped.policy.source} ${scoped.policy.digest} ${scoped.patch.index}`;
      if (view.hasMatched(scoped.patch)) matched.add(key);
      else unmatched.set(key, scoped);
    }
  }
  return [...unmatched].flatMap(([key, scoped]) => (matched.has(key) ? [] : [unmatchedProblem(scoped)]));
}

function unmatchedProblem(scoped: ScopedPatch): Problem {
  const message =
    'No configuration of the proxies that are connected and selected is what this patch is for, so it changes nothing: correct its match, or remove it.';
  return patchProblem(scoped, 'patch-matches-nothing', message);
}
