// What Envoy checks of a message besides its form (protoc-gen-validate): required parts, ranges, lengths, patterns, and that regular
// expressions are RE2. Envoy refuses the whole resource otherwise. In: a message type and a plain value. Out: the first rule broken.
import { readFileSync } from 'node:fs';
import protobuf from 'protobufjs/light.js';
import { extensionNamed, findExtension } from './extensions.ts';
import { lazy } from './lazy.ts';
import { fullNameOfTypeUrl, type MessageType } from './message-type.ts';
import { compileRegex } from './regex.ts';
import { brokenScalarRule, type Rules } from './value-rules-scalar.ts';

export interface BrokenRule {
  /** `load_assignment.endpoints[0].priority` below the value; empty for the value itself. */
  readonly path: string;
  /** What is wrong, without the path and a remedy: `is less than 1`. */
  readonly message: string;
}

interface MessageRules {
  readonly fields?: Readonly<Record<string, Rules>>;
  /** Oneofs of which a member must be there. */
  readonly required?: readonly string[];
}

type Plain = Readonly<Record<string, unknown>>;

const rulesFile = new URL('generated/rules.json', import.meta.url);

const allRules = lazy(() => JSON.parse(readFileSync(rulesFile, 'utf8')) as Readonly<Record<string, MessageRules>>);

const nothing: MessageRules = Object.freeze({});

/** The first rule that `value`, a message of that type, breaks, in the order of fields; undefined when it breaks none. */
export function findBrokenRule(type: protobuf.Type, value: Plain, path = ''): BrokenRule | undefined {
  const name = type.fullName.slice(1);
  if (name === 'google.protobuf.Any') return inAny(value, path);
  // Envoy's own code refuses these, whatever the field.
  if (name === 'google.protobuf.Duration' && isNegative(value)) return { path, message: 'is negative' };
  const { fields = {}, required = [] } = allRules()[name] ?? nothing;
  for (const oneof of required) {
    const members = type.oneofs[oneof]?.oneof ?? [];
    if (members.some((member) => value[member] !== undefined)) continue;
    return { path, message: `has none of ${members.map(snakeCase).join(', ')}` };
  }
  for (const field of type.fieldsArray) {
    const at = path === '' ? snakeCase(field.name) : `${path}.${snakeCase(field.name)}`;
    const broken = inField(field.resolve(), value[field.name], fields[field.name], at);
    if (broken !== undefined) return broken;
  }
  return /^(envoy|xds)\.type\.matcher\.v3\.RegexMatcher$/.test(name) ? inRegex(value['regex'], path) : undefined;
}

/** As `findBrokenRule`, of a typed value. */
export function brokenRuleOf<T extends object>(type: MessageType<T>, value: NoInfer<T>): BrokenRule | undefined {
  return findBrokenRule(extensionNamed(type.fullName), value as Plain);
}

function inField(
  field: protobuf.Field,
  value: unknown,
  rules: Rules | undefined,
  path: string,
): BrokenRule | undefined {
  if (field.map) return inMap(field, value, rules, path);
  if (field.repeated) return inList(field, value, rules, path);
  const { resolvedType } = field;
  if (value === undefined || value === null) {
    // A member of a oneof that is not there is not checked.
    if (rules === undefined || field.partOf) return undefined;
    if (isRequired(rules)) return { path, message: 'is missing' };
    // Nor is a message; a scalar is, as its default.
    if (resolvedType instanceof protobuf.Type) return undefined;
    return atPath(path, brokenScalarRule(rules, field.typeDefault));
  }
  return inSingle(field, value, rules, path);
}

function inSingle(
  field: protobuf.Field,
  value: unknown,
  rules: Rules | undefined,
  path: string,
): BrokenRule | undefined {
  const { resolvedType } = field;
  if (!(resolvedType instanceof protobuf.Type)) {
    return rules === undefined ? undefined : atPath(path, brokenScalarRule(rules, value, resolvedType));
  }
  if (!isPlain(value)) return undefined;
  if (rules !== undefined) {
    const isWrapper = /^\.google\.protobuf\.\w+Value$/.test(resolvedType.fullName);
    const checked = isWrapper ? (value['value'] ?? resolvedType.fields['value']?.resolve().typeDefault) : value;
    const broken = atPath(path, brokenScalarRule(rules, checked));
    if (broken !== undefined) return broken;
  }
  return findBrokenRule(resolvedType, value, path);
}

function inList(field: protobuf.Field, value: unknown, rules: Rules | undefined, path: string): BrokenRule | undefined {
  const items: readonly unknown[] = Array.isArray(value) ? value : [];
  const { min_items: least = 0, max_items: most = Infinity, unique, items: ofItems } = rules?.repeated ?? {};
  if (items.length < least) return { path, message: least === 1 ? 'is empty' : `has fewer than ${least} entries` };
  if (items.length > most) return { path, message: `has more than ${most} entries` };
  if (unique === true && new Set(items).size < items.length) return { path, message: 'has an entry twice' };
  for (const [index, item] of items.entries()) {
    const broken = inSingle(field, item, ofItems, `${path}[${index}]`);
    if (broken !== undefined) return broken;
  }
  return undefined;
}

function inMap(field: protobuf.Field, value: unknown, rules: Rules | undefined, path: string): BrokenRule | undefined {
  const entries = isPlain(value) ? Object.entries(value) : [];
  const { min_pairs: least = 0, keys, values } = rules?.map ?? {};
  if (entries.length < least) return { path, message: 'is empty' };
  for (const [key, entry] of entries) {
    const at = `${path}[${JSON.stringify(key)}]`;
    const broken = keys === undefined ? undefined : atPath(at, brokenScalarRule(keys, key));
    if (broken !== undefined) return broken;
    const inside = inSingle(field, entry, values, at);
    if (inside !== undefined) return inside;
  }
  return undefined;
}

/** What it holds is checked when its type is known. */
function inAny({ typeUrl, value }: Plain, path: string): BrokenRule | undefined {
  const type = typeof typeUrl === 'string' ? findExtension(fullNameOfTypeUrl(typeUrl)) : undefined;
  if (type === undefined) return undefined;
  const bytes = value instanceof Uint8Array ? value : new Uint8Array();
  return findBrokenRule(type, type.toObject(type.decode(bytes), { longs: String }), path);
}

function inRegex(regex: unknown, path: string): BrokenRule | undefined {
  if (typeof regex !== 'string') return undefined;
  const why = compileRegex(regex);
  if (typeof why !== 'string') return undefined;
  return { path: path === '' ? 'regex' : `${path}.regex`, message: `is no regular expression of RE2 (${why})` };
}

function isNegative({ seconds = 0, nanos = 0 }: Plain): boolean {
  return Number(seconds) < 0 || Number(nanos) < 0;
}

function isRequired(rules: Rules | undefined): boolean {
  return rules?.message?.required === true || rules?.duration?.required === true || rules?.any?.required === true;
}

function atPath(path: string, message: string | undefined): BrokenRule | undefined {
  return message === undefined ? undefined : { path, message };
}

function isPlain(value: unknown): value is Plain {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array);
}

function snakeCase(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
