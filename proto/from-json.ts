// Reads proto3 JSON as Envoy does (https://protobuf.dev/programming-guides/json/): fields by their JSON or their .proto names,
// enums by name or number, an Any by its `@type`. In: a message type and JSON. Out: a plain value as `encode` takes it, with what is
// an Any packed already; every mistake is told with its path, and what is mistaken is left out.
import protobuf from 'protobufjs/light.js';
import { findExtension } from './extensions.ts';
import { childPath, isMapping, type JsonMistake, type JsonReading, type PlainMessage } from './from-json-reading.ts';
import { readScalar } from './from-json-scalar.ts';
import { readWellKnown } from './from-json-well-known.ts';
import { fullNameOfTypeUrl } from './message-type.ts';

export type { JsonMistake, JsonMistakeCode, PlainMessage } from './from-json-reading.ts';

/** The value and what is wrong with it; the value is right only when nothing is. */
export function fromJson(
  type: protobuf.Type,
  json: unknown,
): { readonly value: PlainMessage; readonly mistakes: readonly JsonMistake[] } {
  const mistakes: JsonMistake[] = [];
  const value = readMessage(type, json, '', makeReading(mistakes, false)) ?? {};
  return { value, mistakes };
}

/** Deeper than any configuration that means something. */
const maxDepth = 100;

function makeReading(mistakes: JsonMistake[], lenient: boolean): JsonReading {
  let depth = 0;
  const reading: JsonReading = {
    mistakes,
    lenient,
    below: (path, read) => {
      if (depth === maxDepth) return reading.mistake('invalid-type', path, 'is too deep');
      depth += 1;
      const value = read();
      depth -= 1;
      return value;
    },
    mistake: (code, path, message) => {
      mistakes.push({ code, path, message, lenient });
      return undefined;
    },
  };
  return reading;
}

function readMessage(type: protobuf.Type, json: unknown, path: string, reading: JsonReading): PlainMessage | undefined {
  return reading.below(path, () => {
    const name = type.fullName.slice(1);
    if (name === 'google.protobuf.Any') return readAny(json, path, reading);
    const wellKnown = readWellKnown(type, json, path, reading);
    if (wellKnown !== undefined) return wellKnown.value;
    if (!isMapping(json)) return reading.mistake('invalid-type', path, `is not a mapping with fields of ${name}`);
    const value = readFields(type, json, path, reading);
    if (name === 'xds.type.v3.TypedStruct' || name === 'udpa.type.v1.TypedStruct') {
      checkTypedStruct(value['typeUrl'], json['value'], childPath(path, 'value'), reading);
    }
    return value;
  });
}

function readFields(
  type: protobuf.Type,
  json: Readonly<Record<string, unknown>>,
  path: string,
  reading: JsonReading,
): PlainMessage {
  const value: Record<string, unknown> = {};
  const oneofs = new Map<string, string>();
  for (const [key, given] of Object.entries(json)) {
    if (key === '@type' && type.fields[key] === undefined) continue;
    const at = childPath(path, key);
    const field = fieldOf(type, key);
    if (field === undefined) {
      reading.mistake('unknown-field', at, `is no field of ${type.fullName.slice(1)}`);
      continue;
    }
    if (given === null || given === undefined) {
      if (field.resolve().resolvedType?.fullName !== '.google.protobuf.Value' || field.repeated) continue;
    }
    if (Object.hasOwn(value, field.name)) {
      reading.mistake('conflicting-fields', at, 'is there twice, under two spellings');
      continue;
    }
    const oneof = field.partOf;
    if (oneof !== null && oneof !== undefined && oneof.name !== `_${field.protoName ?? field.name}`) {
      const other = oneofs.get(oneof.name);
      if (other !== undefined) reading.mistake('conflicting-fields', at, `can't be there beside ${other}`);
      oneofs.set(oneof.name, key);
    }
    const read = readField(field, given, at, reading);
    if (read !== undefined) value[field.name] = read;
  }
  return value;
}

function readField(field: protobuf.Field, json: unknown, path: string, reading: JsonReading): unknown {
  field.resolve();
  if (field instanceof protobuf.MapField) {
    if (!isMapping(json)) return reading.mistake('invalid-type', path, 'is not a mapping');
    const entries: [string, unknown][] = [];
    for (const [key, given] of Object.entries(json)) {
      const at = `${path}[${JSON.stringify(key)}]`;
      const read =
        given === null ? reading.mistake('invalid-type', at, 'is null') : readSingle(field, given, at, reading);
      if (read !== undefined) entries.push([key, read]);
    }
    return Object.fromEntries(entries);
  }
  if (field.repeated) {
    if (!Array.isArray(json)) return reading.mistake('invalid-type', path, 'is not a list');
    return json.flatMap((given: unknown, index) => {
      const read = readSingle(field, given, `${path}[${index}]`, reading);
      return read === undefined ? [] : [read];
    });
  }
  return readSingle(field, json, path, reading);
}

function readSingle(field: protobuf.Field, json: unknown, path: string, reading: JsonReading): unknown {
  const { resolvedType } = field;
  if (resolvedType instanceof protobuf.Type) return readMessage(resolvedType, json, path, reading);
  return readScalar(field, json, path, reading);
}

function readAny(json: unknown, path: string, reading: JsonReading): PlainMessage | undefined {
  if (!isMapping(json)) return reading.mistake('invalid-type', path, 'is not a mapping with an @type');
  const typeUrl = json['@type'];
  if (typeof typeUrl !== 'string' || typeUrl === '') {
    return reading.mistake('missing-field', childPath(path, '@type'), 'is missing');
  }
  const name = fullNameOfTypeUrl(typeUrl);
  const type = findExtension(name);
  if (type === undefined || !typeUrl.includes('/')) {
    return reading.mistake(
      'unknown-type',
      childPath(path, '@type'),
      `${JSON.stringify(typeUrl)} is no type ${known(name)}`,
    );
  }
  const isOwnForm = readWellKnown(type, json['value'], path, makeReading([], false)) !== undefined;
  const value = isOwnForm
    ? readMessage(type, json['value'], childPath(path, 'value'), reading)
    : readMessage(type, withoutType(json), path, reading);
  if (value === undefined) return undefined;
  // A value with a mistake in it may be none that can be encoded; it is not used.
  if (reading.mistakes.length > 0 && !reading.mistakes.every(({ lenient }) => lenient)) return { typeUrl };
  return { typeUrl: `type.googleapis.com/${name}`, value: type.encode(value).finish(), plain: value };
}

function known(name: string): string {
  return /\.v\d+(alpha\d*)?\./.test(name) && !/\.v3(alpha)?\./.test(name)
    ? 'that Envoy still has: name its successor of version 3'
    : 'of the Envoy API that is known here';
}

function withoutType(json: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const { '@type': _type, ...fields } = json;
  return fields;
}

/** Envoy turns the struct into the message that it names: it takes fields that it does not know, and no wrong values. */
function checkTypedStruct(typeUrl: unknown, struct: unknown, path: string, reading: JsonReading): void {
  const type = typeof typeUrl === 'string' ? findExtension(fullNameOfTypeUrl(typeUrl)) : undefined;
  if (type === undefined || !isMapping(struct)) return;
  readMessage(type, struct, path, makeReading(reading.mistakes, true));
}

const spellings = new WeakMap<protobuf.Type, ReadonlyMap<string, protobuf.Field>>();

/** By its name in .proto files or in JSON. */
function fieldOf(type: protobuf.Type, key: string): protobuf.Field | undefined {
  let fields = spellings.get(type);
  if (fields === undefined) {
    fields = new Map(
      type.fieldsArray.flatMap((field) => [
        [field.name, field] as const,
        [field.jsonName, field] as const,
        [field.protoName ?? '', field] as const,
        [snakeCase(field.name), field] as const,
      ]),
    );
    spellings.set(type, fields);
  }
  return fields.get(key);
}

function snakeCase(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
