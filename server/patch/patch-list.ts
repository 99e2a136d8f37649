// Insertions into a list, removals from it and replacements in it, by what an entry matches. In: the list and the operation. Out: another
// list, or the same when nothing in it matches.

import type { PatchOperation } from '../../discovery/model/policy.ts';

export interface ListEdit<T> {
  readonly operation: PatchOperation;
  readonly value: T | undefined;
  /** Which entries are meant; undefined: the patch names none. */
  readonly matches: ((entry: T) => boolean) | undefined;
}

/** An insertion before or after nothing in particular is one at the beginning or the end. */
export function editList<T>(list: readonly T[], { operation, value, matches }: ListEdit<T>): readonly T[] {
  if (operation === 'remove') {
    if (matches === undefined) return list;
    const kept = list.filter((entry) => !matches(entry));
    return kept.length === list.length ? list : kept;
  }
  if (value === undefined) return list;
  if (operation === 'add') return [...list, value];
  const at = matches === undefined ? undefined : list.findIndex(matches);
  if (at === -1) return list;
  if (operation === 'insert-first') return [value, ...list];
  if (operation === 'insert-before') return list.toSpliced(at ?? 0, 0, value);
  if (operation === 'insert-after') return list.toSpliced(at === undefined ? list.length : at + 1, 0, value);
  return operation === 'replace' && at !== undefined ? list.with(at, value) : list;
}
