// Protobuf's wrapper types, durations and structs from plain values.

import type { BoolValue, Duration, Struct, UInt32Value, Value } from '../../proto/generated/google.protobuf.ts';

export const isTrue: BoolValue = Object.freeze({ value: true });
export const isFalse: BoolValue = Object.freeze({ value: false });

export function uint32(value: number): UInt32Value {
  return { value };
}

/** From whole milliseconds, not negative. */
export function duration(milliseconds: number): Duration {
  const seconds = Math.floor(milliseconds / 1000);
  return { seconds, nanos: Math.round((milliseconds - seconds * 1000) * 1_000_000) };
}

export type PlainValue = string | boolean | readonly PlainValue[] | { readonly [name: string]: PlainValue };

/** A struct of strings, booleans, lists and structs. */
export function struct(fields: Readonly<Record<string, PlainValue>>): Struct {
  return { fields: Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, toValue(value)])) };
}

function toValue(value: PlainValue): Value {
  if (typeof value === 'string') return { stringValue: value };
  if (typeof value === 'boolean') return { boolValue: value };
  if (isList(value)) return { listValue: { values: value.map(toValue) } };
  return { structValue: struct(value) };
}

function isList(value: PlainValue): value is readonly PlainValue[] {
  return Array.isArray(value);
}
