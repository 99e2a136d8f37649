// Patches that are for nothing of any proxy that is connected and selected. In: the views in use, one after the other. Out: a
// finding for each.

import type { Problem } from '../../discovery/model/problem.ts';
import type { ScopedPatch } from '../view/envoy-patches.ts';
import { patchProblem } from './patch-run.ts';
import type { ViewPatches } from './view-patches.ts';

export class UnmatchedPatches {
  readonly #unmatched = new Map<string, ScopedPatch>();
  readonly #matched = new Set<string>();

  /** What became of patches in one more view. */
  add(view: ViewPatches): void {
    for (const scoped of view.patches) {
      const key = `${scoped.policy.source} ${scoped.policy.digest} ${scoped.patch.index}`;
      if (view.hasMatched(scoped.patch)) this.#matched.add(key);
      else this.#unmatched.set(key, scoped);
    }
  }

  problems(): readonly Problem[] {
    return [...this.#unmatched].flatMap(([key, scoped]) => (this.#matched.has(key) ? [] : [unmatchedProblem(scoped)]));
  }
}

function unmatchedProblem(scoped: ScopedPatch): Problem {
  const message =
    'No configuration of the proxies that are connected and selected is what this patch is for, so it changes nothing: correct its match, or remove it.';
  return patchProblem(scoped, 'patch-matches-nothing', message);
}
