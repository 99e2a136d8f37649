// Patches one resource: each patch is tried, and left out where Envoy would not take what comes of it, so that it never takes down
// what others declare. What matched and what was left out is kept for those who ask.

import type { ObjectKey } from '../../discovery/model/names.ts';
import type { EnvoyPatch } from '../../discovery/model/policy.ts';
import type { Problem } from '../../discovery/model/problem.ts';
import type { ScopedPatch } from '../view/envoy-patches.ts';

/** How a resource would be after a patch, and why that could not be. */
export interface Change<T> {
  readonly to: () => T;
  /** What is wrong with it, without a full stop; undefined when nothing is. */
  readonly broken?: ((after: T) => string | undefined) | undefined;
}

export interface PatchRun {
  /** What comes of the patch, or `before` when that can't be used or the patch is for nothing that is here. */
  apply<T>(scoped: ScopedPatch, before: T, change: Change<T>): T;
  /** The patch is for something that is here. */
  matched(scoped: ScopedPatch): void;
  /** Objects whose patches changed the resource. */
  readonly sources: ReadonlySet<ObjectKey>;
  /** Patches that were left out so far. */
  readonly leftOut: number;
  /** The same, with sources of its own: for a part of the resource. */
  part(): PatchRun;
}

/** A resource that is patched. */
export interface PatchedName {
  readonly typeUrl: string;
  readonly name: string;
  /** Only patches make it: `name` is that of the patch. */
  readonly added?: true;
}

interface LeftOut {
  readonly scoped: ScopedPatch;
  readonly why: string;
}

/** What became of the patches of one view. */
export class PatchLog {
  readonly #matched = new Set<EnvoyPatch>();
  readonly #leftOut = new Map<string, { readonly of: PatchedName; readonly list: LeftOut[] }>();

  /** `from`: what is known already. */
  constructor(from?: PatchLog) {
    if (from === undefined) return;
    this.#matched = new Set(from.#matched);
    this.#leftOut = new Map([...from.#leftOut].map(([key, { of, list }]) => [key, { of, list: [...list] }]));
  }

  /** For one resource, anew. */
  run(of: PatchedName): PatchRun {
    this.#leftOut.delete(keyOf(of));
    return this.#run(of);
  }

  #run(of: PatchedName): PatchRun {
    const sources = new Set<ObjectKey>();
    const count = (): number => this.#leftOut.get(keyOf(of))?.list.length ?? 0;
    return {
      sources,
      get leftOut() {
        return count();
      },
      part: () => this.#run(of),
      apply: (scoped, before, change) => {
        const { after, why } = attempt(before, change, scoped);
        if (why !== undefined) this.#leave(of, { scoped, why });
        if (why !== undefined || after !== before) this.#matched.add(scoped.patch);
        if (after !== before) sources.add(scoped.policy.source);
        return after;
      },
      matched: ({ patch }) => void this.#matched.add(patch),
    };
  }

  hasMatched(patch: EnvoyPatch): boolean {
    return this.#matched.has(patch);
  }

  /** Of resources that are still there. */
  *problems(isThere: (resource: PatchedName) => boolean): Generator<Problem> {
    for (const { of, list } of this.#leftOut.values()) {
      if (of.added !== true && !isThere(of)) continue;
      for (const { scoped, why } of list) yield patchProblem(scoped, 'patch-left-out', leftOutMessage(of, why));
    }
  }

  #leave(of: PatchedName, leftOut: LeftOut): void {
    const known = this.#leftOut.get(keyOf(of));
    if (known === undefined) this.#leftOut.set(keyOf(of), { of, list: [leftOut] });
    else known.list.push(leftOut);
  }
}

function keyOf({ typeUrl, name }: PatchedName): string {
  return `${typeUrl} ${name}`;
}

function leftOutMessage({ typeUrl, name, added }: PatchedName, why: string): string {
  const type = typeUrl.slice(typeUrl.lastIndexOf('.') + 1);
  if (added === true) return `Envoy would refuse the ${type} that is added (${why}), so it is not: correct the patch.`;
  return `With this patch the ${type} ${name} would be one that Envoy refuses (${why}), so it is left as it was: correct the patch.`;
}

export function patchProblem({ policy, patch }: ScopedPatch, code: string, message: string): Problem {
  const { source: object, origin } = policy;
  const field = `spec.configPatches[${patch.index}]`;
  return { severity: 'warning', code, object, field, ...(origin === undefined ? {} : { origin }), message };
}

function attempt<T>(
  before: T,
  { to, broken }: Change<T>,
  { lacking }: ScopedPatch,
): { readonly after: T; readonly why?: string | undefined } {
  try {
    const after = to();
    if (after !== before && lacking !== undefined) {
      return { after: before, why: `it was built without the extension that takes ${lacking}` };
    }
    const why = broken?.(after);
    return why === undefined ? { after } : { after: before, why };
  } catch (error) {
    // What is in an Any may not be what it says.
    return { after: before, why: error instanceof Error ? error.message : String(error) };
  }
}
