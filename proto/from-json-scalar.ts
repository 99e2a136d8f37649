// Scalars and enums in proto3 JSON. In: a field and what stands there. Out: the value as protobufjs takes it, or a mistake.
import protobuf from 'protobufjs/light.js';
import type { JsonReading } from './from-json-reading.ts';

const ranges: Readonly<Record<string, readonly [bigint, bigint]>> = {
  int32: [-(2n ** 31n), 2n ** 31n - 1n],
  sint32: [-(2n ** 31n), 2n ** 31n - 1n],
  sfixed32: [-(2n ** 31n), 2n ** 31n - 1n],
  uint32: [0n, 2n ** 32n - 1n],
  fixed32: [0n, 2n ** 32n - 1n],
  int64: [-(2n ** 63n), 2n ** 63n - 1n],
  sint64: [-(2n ** 63n), 2n ** 63n - 1n],
  sfixed64: [-(2n ** 63n), 2n ** 63n - 1n],
  uint64: [0n, 2n ** 64n - 1n],
  fixed64: [0n, 2n ** 64n - 1n],
};

export function readScalar(field: protobuf.Field, json: unknown, path: string, reading: JsonReading): unknown {
  const { resolvedType, type } = field;
  if (resolvedType instanceof protobuf.Enum) return readEnum(resolvedType, json, path, reading);
  if (type === 'bool') {
    return typeof json === 'boolean' ? json : reading.mistake('invalid-type', path, 'is not true or false');
  }
  if (type === 'string') {
    const isText = typeof json === 'string' && json.isWellFormed();
    return isText ? json : reading.mistake('invalid-type', path, 'is not text (put it in quotes)');
  }
  if (type === 'bytes') return readBytes(json, path, reading);
  if (type === 'float' || type === 'double') return readFraction(type, json, path, reading);
  return readInteger(type, json, path, reading);
}

function readEnum(type: protobuf.Enum, json: unknown, path: string, reading: JsonReading): unknown {
  if (typeof json === 'string' && Object.hasOwn(type.values, json)) return type.values[json];
  if (typeof json === 'number' && type.valuesById[json] !== undefined) return json;
  const names = Object.keys(type.values);
  const some = names.length > 12 ? `${names.slice(0, 12).join(', ')} …` : names.join(', ');
  return reading.mistake('invalid-type', path, `is not one of ${some}`);
}

function readBytes(json: unknown, path: string, reading: JsonReading): unknown {
  const isBase64 = typeof json === 'string' && /^[A-Za-z0-9+/_-]*={0,2}$/.test(json);
  return isBase64 ? Buffer.from(json, 'base64') : reading.mistake('invalid-type', path, 'is not base64');
}

function readFraction(type: string, json: unknown, path: string, reading: JsonReading): unknown {
  if (json === 'NaN' || json === 'Infinity' || json === '-Infinity') return Number(json);
  const value = typeof json === 'string' && json.trim() !== '' ? Number(json) : json;
  const fits =
    typeof value === 'number' && Number.isFinite(value) && (type === 'double' || Number.isFinite(Math.fround(value)));
  return fits ? value : reading.mistake('invalid-type', path, 'is not a number');
}

/** A number where it is exact, else decimal text. */
function readInteger(type: string, json: unknown, path: string, reading: JsonReading): unknown {
  const [least, most] = ranges[type] ?? [0n, 0n];
  const value = integerOf(json);
  if (value === undefined || value < least || value > most) {
    return reading.mistake('invalid-type', path, `is not a whole number from ${least} to ${most}`);
  }
  const exact = Number(value);
  return Number.isSafeInteger(exact) ? exact : String(value);
}

function integerOf(json: unknown): bigint | undefined {
  if (typeof json === 'number') return Number.isInteger(json) ? BigInt(json) : undefined;
  return typeof json === 'string' && /^-?\d{1,20}$/.test(json) ? BigInt(json) : undefined;
}
