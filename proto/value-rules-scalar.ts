// The rules of protoc-gen-validate that hold for one value: numbers, text, bytes, enums, durations. In: rules and a value. Out: what is
// wrong with it.
import type protobuf from 'protobufjs/light.js';

interface Range<T> {
  readonly gt?: T;
  readonly gte?: T;
  readonly lt?: T;
  readonly lte?: T;
}

interface TextRules {
  readonly min_len?: number;
  readonly max_len?: number;
  readonly max_bytes?: number;
  readonly in?: readonly string[];
  readonly pattern?: string;
  readonly well_known_regex?: 'HTTP_HEADER_NAME' | 'HTTP_HEADER_VALUE';
  readonly strict?: boolean;
  readonly ignore_empty?: boolean;
}

interface DurationValue {
  readonly seconds?: number | string;
  readonly nanos?: number;
}

/** Rules of a field as its .proto file has them; those that no file here uses are not among them. */
export interface Rules {
  readonly string?: TextRules;
  readonly bytes?: { readonly min_len?: number; readonly max_len?: number };
  readonly bool?: { readonly const?: boolean };
  readonly enum?: { readonly defined_only?: boolean; readonly not_in?: readonly number[] | number };
  readonly duration?: Range<DurationValue> & { readonly required?: boolean };
  readonly message?: { readonly required?: boolean };
  readonly any?: { readonly required?: boolean };
  readonly repeated?: {
    readonly min_items?: number;
    readonly max_items?: number;
    readonly unique?: boolean;
    readonly items?: Rules;
  };
  readonly map?: { readonly min_pairs?: number; readonly keys?: Rules; readonly values?: Rules };
  readonly double?: Range<number>;
  readonly float?: Range<number>;
  readonly int32?: Range<number>;
  readonly int64?: Range<number>;
  readonly uint32?: Range<number>;
  readonly uint64?: Range<number>;
}

const numberTypes = ['double', 'float', 'int32', 'int64', 'uint32', 'uint64'] as const;

/** Why the value may not be, as `is less than 1`; undefined when it may. `type`: of an enum. */
export function brokenScalarRule(rules: Rules, value: unknown, type?: protobuf.Enum | null): string | undefined {
  if (rules.string !== undefined) return brokenText(rules.string, String(value));
  if (rules.bytes !== undefined) return brokenBytes(rules.bytes, value);
  if (rules.bool?.const !== undefined && value !== rules.bool.const) return `is not ${rules.bool.const}`;
  if (rules.enum !== undefined) return brokenEnum(rules.enum, Number(value), type);
  if (rules.duration !== undefined) return brokenDuration(rules.duration, value);
  for (const name of numberTypes) {
    const range = rules[name];
    if (range !== undefined) return brokenRange(range, Number(value));
  }
  return undefined;
}

function brokenRange({ gt, gte, lt, lte }: Range<number>, value: number, unit = ''): string | undefined {
  // "Exclusive" ranges: with the lower end above the upper one, a value must be outside.
  const above = (gt === undefined || value > gt) && (gte === undefined || value >= gte);
  const below = (lt === undefined || value < lt) && (lte === undefined || value <= lte);
  if (!above) return gt === undefined ? `is less than ${gte}${unit}` : `is not more than ${gt}${unit}`;
  if (!below) return lt === undefined ? `is more than ${lte}${unit}` : `is not less than ${lt}${unit}`;
  return Number.isNaN(value) ? 'is not a number' : undefined;
}

function brokenDuration({ gt, gte, lt, lte }: Range<DurationValue>, value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const range = {
    ...(gt === undefined ? {} : { gt: seconds(gt) }),
    ...(gte === undefined ? {} : { gte: seconds(gte) }),
    ...(lt === undefined ? {} : { lt: seconds(lt) }),
    ...(lte === undefined ? {} : { lte: seconds(lte) }),
  };
  return brokenRange(range, seconds(value), 's');
}

function seconds({ seconds: whole = 0, nanos = 0 }: DurationValue): number {
  return Number(whole) + nanos / 1e9;
}

function brokenEnum(
  { defined_only: definedOnly, not_in: notIn = [] }: NonNullable<Rules['enum']>,
  value: number,
  type?: protobuf.Enum | null,
): string | undefined {
  if ([notIn].flat().includes(value)) return `may not be ${type?.valuesById[value] ?? value}`;
  const isUnknown = definedOnly === true && type !== undefined && type?.valuesById[value] === undefined;
  return isUnknown ? `is no value of the enum` : undefined;
}

function brokenBytes({ min_len: least = 0, max_len: most = Infinity }: NonNullable<Rules['bytes']>, value: unknown) {
  const { length } = value instanceof Uint8Array ? value : new Uint8Array();
  if (length < least) return least === 1 ? 'is missing' : `has fewer than ${least} bytes`;
  return length > most ? `has more than ${most} bytes` : undefined;
}

function brokenText(rules: TextRules, value: string): string | undefined {
  if (value === '' && rules.ignore_empty === true) return undefined;
  const { min_len: least = 0, max_len: most = Infinity, max_bytes: mostBytes = Infinity } = rules;
  // Code points, as the rule has it.
  const { length } = Array.from(value);
  if (length < least) return least === 1 ? 'is missing' : `has fewer than ${least} characters`;
  if (length > most) return `has more than ${most} characters`;
  if (Buffer.byteLength(value) > mostBytes) return `has more than ${mostBytes} bytes`;
  if (rules.in !== undefined && !rules.in.includes(value)) return `is not one of ${rules.in.join(', ')}`;
  if (rules.pattern !== undefined && !new RegExp(rules.pattern, 'u').test(value)) return `is not like ${rules.pattern}`;
  const known = rules.well_known_regex === undefined ? undefined : headerText(rules.well_known_regex, rules.strict);
  // An empty name is what `min_len` is about: it is how a field that is not set looks.
  return known === undefined || value === '' || known.test(value) ? undefined : 'has characters that no header has';
}

function headerText(kind: 'HTTP_HEADER_NAME' | 'HTTP_HEADER_VALUE', strict = true): RegExp {
  if (kind === 'HTTP_HEADER_NAME') return strict ? /^:?[\w!#$%&'*+\-.^|~`]+$/ : /^:?[^\0\n\r]+$/;
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  return strict ? /^[^\u0000-\u0008\u000A-\u001F\u007F]*$/ : /^[^\0\n\r]*$/;
}
