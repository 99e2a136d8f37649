// Makes values for reflected message types, without defaults (they are not written and would not come back), and says
// how the independent decoder shows them.
import protobuf from 'protobufjs/light.js';
import { encode } from '../../../proto/codec.ts';
import { StringValue } from '../../../proto/generated/google.protobuf.ts';

/** A number from 0 up to 1, the same sequence for the same seed. */
export type Random = () => number;

/** mulberry32 */
export function seededRandom(seed: number): Random {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Decides what a sample contains. */
export interface SampleChoices {
  readonly random: Random;
  /** Whether to set a field at this depth, 0 being the message itself. */
  readonly includes: (field: protobuf.Field, depth: number) => boolean;
}

type Value = Record<string, unknown>;

/** A value of `type`: at most one member of each oneof is set. */
export function sampleMessage(type: protobuf.Type, choices: SampleChoices, depth = 0): Value {
  if (type.fullName === '.google.protobuf.Any') {
    return { typeUrl: StringValue.typeUrl, value: encode(StringValue, { value: text(choices.random) }) };
  }
  // A Value without a kind is not valid.
  if (type.fullName === '.google.protobuf.Value') return { stringValue: text(choices.random) };
  const value: Value = {};
  const taken = new Set<protobuf.OneOf>();
  for (const field of type.fieldsArray) {
    if (!choices.includes(field, depth) || (field.partOf !== null && taken.has(field.partOf))) continue;
    if (field.partOf !== null) taken.add(field.partOf);
    value[field.name] = sampleField(field.resolve(), choices, depth);
  }
  return value;
}

function sampleField(field: protobuf.Field, choices: SampleChoices, depth: number): unknown {
  const count = 1 + Math.floor(choices.random() * 3);
  const many = Array.from({ length: count }, () => sampleSingle(field, choices, depth));
  if (field instanceof protobuf.MapField) {
    const keys = many.map((_, index) => (field.keyType === 'string' ? text(choices.random) : String(index + 1)));
    return Object.fromEntries(keys.map((key, index) => [key, many[index]]));
  }
  return field.repeated ? many : many[0];
}

function sampleSingle(field: protobuf.Field, choices: SampleChoices, depth: number): unknown {
  const { random } = choices;
  const { resolvedType } = field;
  if (resolvedType instanceof protobuf.Type) return sampleMessage(resolvedType, choices, depth + 1);
  if (resolvedType instanceof protobuf.Enum) {
    const values = Object.values(resolvedType.values).filter(
      (value) => value !== 0 || resolvedType.name === 'NullValue',
    );
    return values[Math.floor(random() * values.length)];
  }
  switch (field.type) {
    case 'string':
      return text(random);
    case 'bytes':
      return Buffer.from(text(random), 'utf8');
    case 'bool':
      return true;
    case 'float':
      return Math.fround(random() + 0.01);
    case 'double':
      return random() + 0.01;
    case 'int64':
    case 'uint64':
      return 1 + Math.floor(random() * (Number.MAX_SAFE_INTEGER - 1));
    case 'int32':
      return -1 - Math.floor(random() * 2 ** 31);
    default:
      return 1 + Math.floor(random() * (2 ** 32 - 2));
  }
}

function text(random: Random): string {
  return `${['é', 'key', '雪', '10', 'Z'][Math.floor(random() * 5)]}-${Math.floor(random() * 1e6)}`;
}

/** `value` as the independent decoder gives it: enums by name, 64-bit integers as text, Anys unpacked. */
export function asSeenIndependently(type: protobuf.Type, value: Value): Value {
  if (type.fullName === '.google.protobuf.Any') {
    const bytes = value['value'] as Uint8Array;
    return { '@type': value['typeUrl'], value: Buffer.from(bytes.subarray(2)).toString('utf8') };
  }
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [name, fieldSeen(type.fields[name] as protobuf.Field, member)]),
  );
}

function fieldSeen(field: protobuf.Field, value: unknown): unknown {
  if (field.map) {
    return Object.fromEntries(Object.entries(value as Value).map(([key, member]) => [key, singleSeen(field, member)]));
  }
  return field.repeated ? (value as unknown[]).map((member) => singleSeen(field, member)) : singleSeen(field, value);
}

function singleSeen(field: protobuf.Field, value: unknown): unknown {
  const { resolvedType } = field;
  if (resolvedType instanceof protobuf.Type) return asSeenIndependently(resolvedType, value as Value);
  if (resolvedType instanceof protobuf.Enum) return resolvedType.valuesById[value as number];
  return field.long ? String(value) : value;
}
