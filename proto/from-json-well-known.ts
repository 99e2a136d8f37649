// Messages that proto3 JSON writes in a way of their own: durations, times, wrappers, structs, masks. In: a message type and JSON. Out:
// the message as a plain object.
import type protobuf from 'protobufjs/light.js';
import { isMapping, type JsonReading, type PlainMessage } from './from-json-reading.ts';
import { readScalar } from './from-json-scalar.ts';

/** Undefined for a message that is written field by field; `value` is undefined after a mistake. */
export function readWellKnown(
  type: protobuf.Type,
  json: unknown,
  path: string,
  reading: JsonReading,
): { readonly value: PlainMessage | undefined } | undefined {
  switch (type.fullName) {
    case '.google.protobuf.Duration':
      return { value: duration(json, path, reading) };
    case '.google.protobuf.Timestamp':
      return { value: timestamp(json, path, reading) };
    case '.google.protobuf.Struct':
      return { value: struct(json, path, reading) };
    case '.google.protobuf.ListValue':
      return { value: list(json, path, reading) };
    case '.google.protobuf.Value':
      return { value: anyValue(json, path, reading) };
    case '.google.protobuf.FieldMask':
      return { value: mask(json, path, reading) };
    case '.google.protobuf.BoolValue':
    case '.google.protobuf.BytesValue':
    case '.google.protobuf.DoubleValue':
    case '.google.protobuf.FloatValue':
    case '.google.protobuf.Int32Value':
    case '.google.protobuf.Int64Value':
    case '.google.protobuf.StringValue':
    case '.google.protobuf.UInt32Value':
    case '.google.protobuf.UInt64Value':
      return { value: wrapper(type, json, path, reading) };
    default:
      return undefined;
  }
}

function wrapper(type: protobuf.Type, json: unknown, path: string, reading: JsonReading): PlainMessage | undefined {
  const field = type.fields['value'];
  const value = field === undefined ? undefined : readScalar(field.resolve(), json, path, reading);
  return value === undefined ? undefined : { value };
}

/** `1.5s`, at most 10,000 years. */
function duration(json: unknown, path: string, reading: JsonReading): PlainMessage | undefined {
  const [, sign = '', seconds = '', fraction = ''] =
    (typeof json === 'string' ? /^(-?)(\d{1,12})(?:\.(\d{1,9}))?s$/.exec(json) : null) ?? [];
  if (seconds === '' || Number(seconds) > 315_576_000_000) {
    return reading.mistake('invalid-type', path, 'is not a duration in seconds, as in "1.5s"');
  }
  const nanos = Number(fraction.padEnd(9, '0'));
  const factor = sign === '-' ? -1 : 1;
  return {
    ...(Number(seconds) === 0 ? {} : { seconds: factor * Number(seconds) }),
    ...(nanos === 0 ? {} : { nanos: factor * nanos }),
  };
}

function timestamp(json: unknown, path: string, reading: JsonReading): PlainMessage | undefined {
  const [, whole = '', fraction = '', zone = ''] =
    (typeof json === 'string'
      ? /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/.exec(json)
      : null) ?? [];
  const ms = Date.parse(`${whole}${zone}`);
  if (Number.isNaN(ms)) return reading.mistake('invalid-type', path, 'is not a time, as in "2030-01-31T12:00:00Z"');
  return { seconds: ms / 1000, nanos: Number(fraction.padEnd(9, '0')) };
}

function mask(json: unknown, path: string, reading: JsonReading): PlainMessage | undefined {
  if (typeof json !== 'string') return reading.mistake('invalid-type', path, 'is not names of fields with commas');
  const paths = json.split(',').filter((name) => name !== '');
  return { paths: paths.map((name) => name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)) };
}

function struct(json: unknown, path: string, reading: JsonReading): PlainMessage | undefined {
  if (!isMapping(json)) return reading.mistake('invalid-type', path, 'is not a mapping');
  const entries = Object.entries(json).flatMap(([name, value]) => {
    const read = anyValue(value, `${path}[${JSON.stringify(name)}]`, reading);
    return read === undefined ? [] : [[name, read] as const];
  });
  return { fields: Object.fromEntries(entries) };
}

function list(json: unknown, path: string, reading: JsonReading): PlainMessage | undefined {
  if (!Array.isArray(json)) return reading.mistake('invalid-type', path, 'is not a list');
  return { values: json.flatMap((value: unknown, index) => anyValue(value, `${path}[${index}]`, reading) ?? []) };
}

function anyValue(json: unknown, path: string, reading: JsonReading): PlainMessage | undefined {
  switch (typeof json) {
    case 'string':
      return json.isWellFormed() ? { stringValue: json } : reading.mistake('invalid-type', path, 'is not text');
    case 'number':
      return { numberValue: json };
    case 'boolean':
      return { boolValue: json };
    default: {
      if (json === null || json === undefined) return { nullValue: 0 };
      const value = reading.below(path, () =>
        Array.isArray(json) ? list(json, path, reading) : struct(json, path, reading),
      );
      if (value === undefined) return undefined;
      return Array.isArray(json) ? { listValue: value } : { structValue: value };
    }
  }
}
