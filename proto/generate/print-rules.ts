// Writes what the .proto files say about values (protoc-gen-validate): Envoy refuses a message that breaks such a rule. In: reachable
// types. Out: JSON, a line a message: `{"fields": {NAME: RULES}, "required": [ONEOF]}`, fields and oneofs by their names in JavaScript.
import protobuf from 'protobufjs';
import { fullName, type ReachablePackage } from './reach.ts';

type Json = { readonly [key: string]: unknown };

/** Rules as text, ending in a newline; messages without any are left out. */
export function printRules(packages: readonly ReachablePackage[]): string {
  const lines = packages
    .flatMap(({ members }) => members)
    .flatMap((member) => {
      const rules = member instanceof protobuf.Type ? rulesOf(member) : undefined;
      return rules === undefined ? [] : [`${JSON.stringify(fullName(member))}: ${JSON.stringify(rules)}`];
    });
  return `{\n${lines.toSorted().join(',\n')}\n}\n`;
}

function rulesOf(type: protobuf.Type): Json | undefined {
  if (isSet(type, '(validate.disabled)')) return undefined;
  const fields = type.fieldsArray
    .toSorted((a, b) => a.id - b.id)
    .flatMap((field) => {
      const rules = fieldRules(field);
      return rules === undefined ? [] : [[field.name, rules] as const];
    });
  const required = type.oneofsArray.filter((oneof) => isSet(oneof, '(validate.required)')).map(({ name }) => name);
  if (fields.length === 0 && required.length === 0) return undefined;
  return {
    ...(fields.length === 0 ? {} : { fields: Object.fromEntries(fields) }),
    ...(required.length === 0 ? {} : { required }),
  };
}

function isSet(object: protobuf.ReflectionObject, option: string): boolean {
  return object.options?.[option] === true;
}

/** protobufjs keeps each annotation as an entry of its own, nested as it is written. */
function fieldRules(field: protobuf.Field): Json | undefined {
  const entries: readonly Json[] = field.parsedOptions ?? [];
  const rules = entries.flatMap((entry) => {
    const rule = entry['(validate.rules)'];
    return isJson(rule) ? [rule] : [];
  });
  return rules.length === 0 ? undefined : rules.reduce(merged);
}

function merged(a: Json, b: Json): Json {
  const both: Record<string, unknown> = { ...a };
  for (const [name, value] of Object.entries(b)) {
    const before = both[name];
    both[name] = isJson(before) && isJson(value) ? merged(before, value) : value;
  }
  return both;
}

function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
