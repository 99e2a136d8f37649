// How the well-known types look in proto3 JSON: https://protobuf.dev/programming-guides/json/
import type protobuf from 'protobufjs/light.js';

/** A JSON value. */
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | { readonly [key: string]: JsonValue };

type Fields = Readonly<Record<string, unknown>>;

/** Renders the value of one field of a message; json.ts hands in its own function. */
export type RenderField = (field: protobuf.Field, value: unknown) => JsonValue;

/** The JSON of a message that has a form of its own, or undefined when it is rendered field by field. */
export function wellKnownJson(message: protobuf.Message, render: RenderField): JsonValue | undefined {
  const type = message.$type;
  const fields = message as unknown as Fields;
  switch (type.fullName) {
    case '.google.protobuf.Duration':
      return duration(Number(String(fields['seconds'])), Number(fields['nanos']));
    case '.google.protobuf.Timestamp':
      return timestamp(Number(String(fields['seconds'])), Number(fields['nanos']));
    case '.google.protobuf.Struct':
      return entries(type, fields, 'fields', render);
    case '.google.protobuf.ListValue':
      return entries(type, fields, 'values', render);
    case '.google.protobuf.Value':
      return value(type, fields, render);
    case '.google.protobuf.BoolValue':
    case '.google.protobuf.BytesValue':
    case '.google.protobuf.DoubleValue':
    case '.google.protobuf.FloatValue':
    case '.google.protobuf.Int32Value':
    case '.google.protobuf.Int64Value':
    case '.google.protobuf.StringValue':
    case '.google.protobuf.UInt32Value':
    case '.google.protobuf.UInt64Value':
      return entries(type, fields, 'value', render);
    default:
      return undefined;
  }
}

/** Whether an Any around this type carries its JSON under `value`. */
export function hasOwnJson(type: protobuf.Type): boolean {
  return type.fullName.startsWith('.google.protobuf.');
}

function entries(type: protobuf.Type, fields: Fields, name: string, render: RenderField): JsonValue {
  return render(type.fields[name] as protobuf.Field, fields[name]);
}

function value(type: protobuf.Type, fields: Fields, render: RenderField): JsonValue {
  const set = type.fieldsArray.find((field) => Object.hasOwn(fields, field.name));
  if (set === undefined || set.name === 'nullValue') return null;
  return render(set, fields[set.name]);
}

function duration(seconds: number, nanos: number): string {
  const sign = seconds < 0 || nanos < 0 ? '-' : '';
  return `${sign}${Math.abs(seconds)}${fraction(Math.abs(nanos))}s`;
}

function timestamp(seconds: number, nanos: number): string {
  return `${new Date(seconds * 1000).toISOString().slice(0, 19)}${fraction(nanos)}Z`;
}

/** `.5`, `.000000001`; nothing for zero. */
function fraction(nanos: number): string {
  return nanos === 0 ? '' : `.${String(nanos).padStart(9, '0').replace(/0+$/, '')}`;
}
