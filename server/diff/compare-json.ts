// Two JSON values → what differs, field by field. Lists of things with names are compared by name, other lists by what they have in
// common, so that one more route is one change and not a change of all that come after it.

import { isDeepStrictEqual } from 'node:util';
import type { JsonValue } from '../../proto/json.ts';

/** `before` is absent where something is new, `after` where it is gone. */
export interface FieldChange {
  /** `routes[2].route.timeout`; a list element with a name is `virtual_hosts[NAME]`. Empty: the value itself. */
  readonly path: string;
  readonly before?: JsonValue;
  readonly after?: JsonValue;
}

export function compareJson(before: JsonValue, after: JsonValue, path = ''): readonly FieldChange[] {
  if (isDeepStrictEqual(before, after)) return [];
  if (isList(before) && isList(after)) return compareLists(before, after, path);
  if (!isObject(before) || !isObject(after)) return [{ path, before, after }];
  if (before['@type'] !== after['@type']) return [{ path, before, after }];
  return [...new Set([...Object.keys(before), ...Object.keys(after)])].flatMap((key): readonly FieldChange[] => {
    const [then, now] = [before[key], after[key]];
    const place = path === '' ? key : `${path}.${key}`;
    if (then === undefined) return now === undefined ? [] : [{ path: place, after: now }];
    return now === undefined ? [{ path: place, before: then }] : compareJson(then, now, place);
  });
}

type List = readonly JsonValue[];
type JsonObject = { readonly [key: string]: JsonValue };

function compareLists(before: List, after: List, path: string): readonly FieldChange[] {
  const both = bothNamed(before, after);
  return both === undefined ? compareByContent(before, after, path) : compareByName(both.old, both.fresh, path);
}

function compareByName(before: Named, after: Named, path: string): readonly FieldChange[] {
  const changes = [...before].flatMap(([name, then]): readonly FieldChange[] => {
    const now = after.get(name);
    const place = `${path}[${name}]`;
    return now === undefined ? [{ path: place, before: then }] : compareJson(then, now, place);
  });
  for (const [name, now] of after) if (!before.has(name)) changes.push({ path: `${path}[${name}]`, after: now });
  const stayed = [...before.keys()].filter((name) => after.has(name));
  const order = [...after.keys()].filter((name) => before.has(name));
  if (!isDeepStrictEqual(stayed, order)) changes.push({ path: `${path} (order)`, before: stayed, after: order });
  return changes;
}

/** Equal elements at the start and the end stay; of those between, the longest common sequence does. */
function compareByContent(before: List, after: List, path: string): readonly FieldChange[] {
  const then = before.map((value) => JSON.stringify(value));
  const now = after.map((value) => JSON.stringify(value));
  const changes: FieldChange[] = [];
  for (const { from, to, fromEnd, toEnd } of gaps(then, now)) {
    const pairs = Math.min(fromEnd - from, toEnd - to);
    for (let index = 0; index < pairs; index += 1) {
      const [old, fresh] = [before[from + index], after[to + index]];
      if (old !== undefined && fresh !== undefined) changes.push(...compareJson(old, fresh, `${path}[${to + index}]`));
    }
    for (const [index, value] of before.slice(from + pairs, fromEnd).entries()) {
      changes.push({ path: `${path}[${from + pairs + index}]`, before: value });
    }
    for (const [index, value] of after.slice(to + pairs, toEnd).entries()) {
      changes.push({ path: `${path}[${to + pairs + index}]`, after: value });
    }
  }
  return changes;
}

interface Gap {
  readonly from: number;
  readonly fromEnd: number;
  readonly to: number;
  readonly toEnd: number;
}

/** A table of more cells than this costs more than an exact answer is worth: what is between start and end then counts as replaced. */
const maxCells = 40_000;

/** Ranges of both that are not common. */
function gaps(then: readonly string[], now: readonly string[]): readonly Gap[] {
  let start = 0;
  while (start < then.length && start < now.length && then[start] === now[start]) start += 1;
  let end = 0;
  const most = Math.min(then.length, now.length) - start;
  while (end < most && then[then.length - 1 - end] === now[now.length - 1 - end]) end += 1;
  const whole = { from: start, fromEnd: then.length - end, to: start, toEnd: now.length - end };
  const [rows, columns] = [whole.fromEnd - start, whole.toEnd - start];
  if (rows * columns === 0 || rows * columns > maxCells) return [whole];
  // lengths[row][column]: of the longest sequence that both have from there on.
  const lengths = Array.from({ length: rows + 1 }, () => new Uint16Array(columns + 1));
  const at = (row: number, column: number): number => lengths[row]?.[column] ?? 0;
  for (let row = rows - 1; row >= 0; row -= 1) {
    for (let column = columns - 1; column >= 0; column -= 1) {
      const isCommon = then[start + row] === now[start + column];
      const line = lengths[row];
      if (line === undefined) continue;
      line[column] = isCommon ? at(row + 1, column + 1) + 1 : Math.max(at(row + 1, column), at(row, column + 1));
    }
  }
  const found: Gap[] = [];
  let [row, column] = [0, 0];
  let open: { from: number; to: number } = { from: start, to: start };
  const close = (): void => {
    const gap = { ...open, fromEnd: start + row, toEnd: start + column };
    if (gap.fromEnd > gap.from || gap.toEnd > gap.to) found.push(gap);
  };
  while (row < rows && column < columns) {
    if (then[start + row] === now[start + column]) {
      close();
      row += 1;
      column += 1;
      open = { from: start + row, to: start + column };
    } else if (at(row + 1, column) >= at(row, column + 1)) row += 1;
    else column += 1;
  }
  [row, column] = [rows, columns];
  close();
  return found;
}

/** What may name elements, the first that names each of both lists by itself counts. */
const namings: readonly ((value: JsonObject) => string | undefined)[] = [
  ({ name }) => (typeof name === 'string' && name !== '' ? name : undefined),
  ({ endpoint }) => addressOf(endpoint),
  (value) => localityOf(value),
  (value) => {
    const locality = localityOf(value);
    return locality === undefined ? undefined : `${locality} priority ${JSON.stringify(value['priority'] ?? 0)}`;
  },
];

type Named = ReadonlyMap<string, JsonValue>;

/** The elements of both by what names each, when all have a name of their own. */
function bothNamed(before: List, after: List): { readonly old: Named; readonly fresh: Named } | undefined {
  for (const naming of namings) {
    const old = named(before, naming);
    const fresh = old && named(after, naming);
    if (old !== undefined && fresh !== undefined) return { old, fresh };
  }
  return undefined;
}

function named(list: List, naming: (value: JsonObject) => string | undefined): Named | undefined {
  const byName = new Map<string, JsonValue>();
  for (const value of list) {
    const name = isObject(value) ? naming(value) : undefined;
    if (name === undefined || byName.has(name)) return undefined;
    byName.set(name, value);
  }
  return byName;
}

/** Endpoints of one place; those of an unknown place say nothing of it. */
function localityOf(value: JsonObject): string | undefined {
  const { locality } = value;
  const isGroup = locality !== undefined || value['lb_endpoints'] !== undefined || value['lbEndpoints'] !== undefined;
  if (!isGroup) return undefined;
  const of = locality !== undefined && isObject(locality) ? locality : {};
  const places = [of['region'], of['zone'], of['sub_zone'] ?? of['subZone']];
  const text = places.filter((part) => typeof part === 'string').join('/');
  return text === '' ? 'no locality' : text;
}

function addressOf(endpoint: JsonValue | undefined): string | undefined {
  const address = memberOf(endpoint, 'address');
  const socket = memberOf(address, 'socket_address') ?? memberOf(address, 'socketAddress');
  const ip = memberOf(socket, 'address');
  const port = memberOf(socket, 'port_value') ?? memberOf(socket, 'portValue');
  return typeof ip === 'string' ? `${ip}:${JSON.stringify(port ?? 0)}` : undefined;
}

function memberOf(value: JsonValue | undefined, name: string): JsonValue | undefined {
  return value !== undefined && isObject(value) ? value[name] : undefined;
}

function isList(value: JsonValue): value is List {
  return Array.isArray(value);
}

function isObject(value: JsonValue): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
