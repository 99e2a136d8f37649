// Renders encoded messages as proto3 JSON, the form Envoy reads in bootstraps and prints in config dumps. Fields come
// in the order of their numbers and map entries in the order of their keys, so equal bytes give equal JSON.
import protobuf from 'protobufjs/light.js';
import { findMessage, messageNamed } from './descriptor.ts';
import { findExtension } from './extensions.ts';
import { hasOwnJson, wellKnownJson, type JsonValue } from './json-well-known.ts';
import { fullNameOfTypeUrl, type MessageType } from './message-type.ts';
import { CodecError } from './codec-error.ts';
import { encode } from './codec.ts';

export type { JsonValue } from './json-well-known.ts';

/**
 * The JSON of the message `bytes`, without an `@type` of its own; Anys inside are unpacked and have theirs. An Any
 * of a type that is not known here keeps its bytes: `{"@type", "value": base64}`. Throws `CodecError`
 * `unknown-type` or `undecodable`.
 */
export function decodeJson(typeUrl: string, bytes: Uint8Array): JsonValue {
  const type = findMessage(fullNameOfTypeUrl(typeUrl));
  if (type === undefined) throw new CodecError('unknown-type', `no generated message for ${typeUrl}`);
  return renderMessage(decodeReflected(type, bytes));
}

/** The JSON of a value, as `decodeJson` gives it for its bytes. */
export function toJson<T>(type: MessageType<T>, value: NoInfer<T>): JsonValue {
  return renderMessage(decodeReflected(messageNamed(type.fullName), encode<T>(type, value)));
}

function decodeReflected(type: protobuf.Type, bytes: Uint8Array): protobuf.Message {
  try {
    return type.decode(bytes);
  } catch (cause) {
    throw new CodecError('undecodable', `not a ${type.fullName.slice(1)}: ${String(cause)}`, { cause });
  }
}

function renderMessage(message: protobuf.Message): JsonValue {
  const type = message.$type;
  if (type.fullName === '.google.protobuf.Any') return renderAny(message as unknown as AnyFields);
  const wellKnown = wellKnownJson(message, renderField);
  return wellKnown === undefined ? Object.fromEntries(fieldsOf(message)) : wellKnown;
}

function fieldsOf(message: protobuf.Message): readonly (readonly [string, JsonValue])[] {
  const values = message as unknown as Readonly<Record<string, unknown>>;
  return message.$type.fieldsArray
    .filter((field) => Object.hasOwn(values, field.name) && !isEmptyCollection(field, values[field.name]))
    .map((field) => [field.jsonName, renderField(field, values[field.name])]);
}

/** A decoded message has an empty array or object where nothing was sent. */
function isEmptyCollection(field: protobuf.Field, value: unknown): boolean {
  return (field.repeated || field.map) && Object.keys(value as object).length === 0;
}

interface AnyFields {
  readonly typeUrl: string;
  readonly value: Uint8Array;
}

function renderAny({ typeUrl, value }: AnyFields): JsonValue {
  if (typeUrl === '') return {};
  const name = fullNameOfTypeUrl(typeUrl);
  const type = findMessage(name) ?? findExtension(name);
  if (type === undefined) return { '@type': typeUrl, value: base64(value) };
  const message = decodeReflected(type, value);
  if (hasOwnJson(type)) return { '@type': typeUrl, value: renderMessage(message) };
  return Object.fromEntries([['@type', typeUrl], ...fieldsOf(message)]);
}

function renderField(field: protobuf.Field, value: unknown): JsonValue {
  if (field.map) {
    const sorted = Object.entries(value as object).toSorted(([a], [b]) => (a < b ? -1 : 1));
    return Object.fromEntries(sorted.map(([key, member]) => [mapKey(field, key), renderSingle(field, member)]));
  }
  if (field.repeated) return (value as readonly unknown[]).map((member) => renderSingle(field, member));
  return renderSingle(field, value);
}

/** protobufjs keeps a 64-bit key as eight characters, one a byte, the least significant first. */
function mapKey(field: protobuf.Field, key: string): string {
  const keyType = field instanceof protobuf.MapField ? field.keyType : 'string';
  if (!keyType.endsWith('64') || key.length !== 8) return key;
  const bits = Buffer.from(key, 'latin1');
  return String(/^u|^f/.test(keyType) ? bits.readBigUInt64LE() : bits.readBigInt64LE());
}

function renderSingle(field: protobuf.Field, value: unknown): JsonValue {
  const { resolvedType } = field;
  if (resolvedType instanceof protobuf.Enum) return resolvedType.valuesById[value as number] ?? (value as number);
  if (resolvedType !== null) return renderMessage(value as protobuf.Message);
  switch (field.type) {
    case 'bytes':
      return base64(value as Uint8Array);
    case 'int64':
    case 'uint64':
    case 'sint64':
    case 'fixed64':
    case 'sfixed64':
      return String(value);
    case 'float':
      return finiteOrName(shortestFloat(value as number));
    case 'double':
      return finiteOrName(value as number);
    default:
      return value as string | number | boolean;
  }
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}

function finiteOrName(value: number): number | string {
  return Number.isFinite(value) ? value : String(value);
}

/** The decimal with the fewest digits that is this 32-bit float: 0.1 rather than 0.10000000149011612. */
function shortestFloat(value: number): number {
  const short = [6, 7, 8].map((digits) => Number(value.toPrecision(digits)));
  return short.find((candidate) => Math.fround(candidate) === value) ?? value;
}
