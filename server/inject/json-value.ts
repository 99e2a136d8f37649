// JSON as it came, read without trust: what is not of the expected sort is as good as absent.

import { isMapping } from '../../discovery/convert/field-reader.ts';

export type Mapping = Readonly<Record<string, unknown>>;

/** The mapping at a path; an empty one when there is none. */
export function mappingAt(value: unknown, ...path: readonly string[]): Mapping {
  let inner = value;
  for (const name of path) inner = isMapping(inner) ? inner[name] : undefined;
  return isMapping(inner) ? inner : {};
}

/** The mappings of a list, without what is none. */
export function mappingsAt(value: unknown, ...path: readonly string[]): readonly Mapping[] {
  const name = path.at(-1);
  const list = name === undefined ? value : mappingAt(value, ...path.slice(0, -1))[name];
  return Array.isArray(list) ? list.filter((each: unknown) => isMapping(each)) : [];
}

/** Text; numbers and booleans, which YAML makes of words without quotes, count as what they look like. */
export function scalarAt(value: unknown, ...path: readonly string[]): string | undefined {
  const name = path.at(-1);
  const found = name === undefined ? value : mappingAt(value, ...path.slice(0, -1))[name];
  if (typeof found === 'string') return found;
  return typeof found === 'number' || typeof found === 'boolean' ? String(found) : undefined;
}

/** The entries of a mapping whose values are text, as labels and annotations are. */
export function textsAt(value: unknown, ...path: readonly string[]): Readonly<Record<string, string>> {
  const entries = Object.entries(mappingAt(value, ...path));
  return Object.fromEntries(entries.flatMap(([key, text]) => (typeof text === 'string' ? [[key, text]] : [])));
}

/** Equal JSON; the order of keys does not count. */
export function isSameJson(left: unknown, right: unknown): boolean {
  if (Object.is(left, right)) return true;
  if (Array.isArray(left) && Array.isArray(right)) {
    return left.length === right.length && left.every((each, index) => isSameJson(each, right[index]));
  }
  if (!isMapping(left) || !isMapping(right)) return false;
  const keys = Object.keys(left);
  if (keys.length !== Object.keys(right).length) return false;
  return keys.every((key) => Object.hasOwn(right, key) && isSameJson(left[key], right[key]));
}
