// The same change of a field in many elements of lists, such as an access log in each filter chain, told once. In: changes of one resource.
// Out: each distinct one, with where else it is.

import type { FieldChange } from './compare-json.ts';

export interface ToldChange extends FieldChange {
  /** The first of the other paths with the same change; they differ in list elements alone. Absent when there are none. */
  readonly alsoAt?: readonly string[] | undefined;
  /** How many there are. */
  readonly morePlaces?: number | undefined;
}

const maxPaths = 40;

export function tellOnce(changes: readonly FieldChange[]): readonly ToldChange[] {
  const same = Map.groupBy(changes, sameness);
  return [...same.values()].flatMap(([first, ...others]): readonly ToldChange[] => {
    if (first === undefined || others.length === 0) return first === undefined ? [] : [first];
    return [{ ...first, alsoAt: others.slice(0, maxPaths).map(({ path }) => path), morePlaces: others.length }];
  });
}

/** Equal for the same change in other elements of the same lists. */
export function sameness({ path, before, after }: FieldChange): string {
  const elsewhere = path.replaceAll(/\[[^\]]*\]/g, '[]');
  return JSON.stringify([elsewhere, before ?? null, before === undefined, after ?? null, after === undefined]);
}
