// The difference of two JSON documents as a JSON patch (RFC 6902). In: before and after. Out: operations which, applied to the
// first, give the second; none when they are equal.

import { isMapping } from '../../discovery/convert/field-reader.ts';
import { isSameJson, type Mapping } from './json-value.ts';

export type PatchOperation =
  | { readonly op: 'add' | 'replace'; readonly path: string; readonly value: unknown }
  | { readonly op: 'remove'; readonly path: string };

/** Lists that grew at their end get additions, lists of the same length are compared by place, others are replaced whole. */
export function jsonPatch(before: unknown, after: unknown, path = ''): readonly PatchOperation[] {
  if (isSameJson(before, after)) return [];
  if (isMapping(before) && isMapping(after)) return patchMapping(before, after, path);
  if (Array.isArray(before) && Array.isArray(after)) return patchList(before, after, path);
  return [{ op: 'replace', path, value: after }];
}

function patchMapping(before: Mapping, after: Mapping, path: string): readonly PatchOperation[] {
  const operations: PatchOperation[] = [];
  for (const key of Object.keys(before)) {
    if (!Object.hasOwn(after, key)) operations.push({ op: 'remove', path: at(path, key) });
  }
  for (const [key, value] of Object.entries(after)) {
    if (Object.hasOwn(before, key)) operations.push(...jsonPatch(before[key], value, at(path, key)));
    else operations.push({ op: 'add', path: at(path, key), value });
  }
  return operations;
}

function patchList(before: readonly unknown[], after: readonly unknown[], path: string): readonly PatchOperation[] {
  const isGrown = after.length > before.length && before.every((value, index) => isSameJson(value, after[index]));
  if (!isGrown && after.length !== before.length) return [{ op: 'replace', path, value: after }];
  const changed = before.flatMap((value, index) => jsonPatch(value, after[index], `${path}/${String(index)}`));
  const added = after.slice(before.length).map((value) => ({ op: 'add', path: `${path}/-`, value }) as const);
  return [...changed, ...added];
}

/** RFC 6901 escapes `~` and `/`. */
function at(path: string, key: string): string {
  return `${path}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`;
}
