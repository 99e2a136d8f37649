// What is wrong with the policies behind views in use, each finding once. In: the views, one class after the other. Out: findings, in a
// fixed order. Keeps no view.

import type { Problem } from '../../discovery/model/problem.ts';
import { compareText } from '../../discovery/model/network-gateway.ts';
import { UnmatchedPatches } from '../patch/unmatched-patches.ts';
import type { InboundResources } from './inbound-resources.ts';
import type { OutboundResources } from './outbound-resources.ts';

export class ViewFindings {
  readonly #found = new Map<string, Problem>();
  readonly #unmatched = new UnmatchedPatches();
  readonly #seen = new WeakSet<OutboundResources | InboundResources>();

  add(...views: readonly (OutboundResources | InboundResources)[]): void {
    for (const view of views) {
      if (this.#seen.has(view)) continue;
      this.#seen.add(view);
      for (const problem of view.problems()) this.#found.set(keyOf(problem), problem);
      this.#unmatched.add(view.patches);
    }
  }

  problems(): readonly Problem[] {
    const found = new Map(this.#found);
    for (const problem of this.#unmatched.problems()) found.set(keyOf(problem), problem);
    return [...found].toSorted(([a], [b]) => compareText(a, b)).map(([, problem]) => problem);
  }
}

function keyOf({ object, field, message }: Problem): string {
  return `${object ?? ''} ${field ?? ''} ${message}`;
}
