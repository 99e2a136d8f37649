// Numbers that need not be whole. In: a field and its bounds. Out: the number.

import { show, type FieldReader } from '../convert/field-reader.ts';

/** Undefined when absent or, after reporting, when it is no number within the bounds. */
export function readNumber(
  reader: FieldReader,
  name: string,
  { min, max = Number.MAX_VALUE }: { readonly min: number; readonly max?: number },
): number | undefined {
  const value = reader.raw(name);
  if (value === undefined) return undefined;
  if (typeof value === 'number' && value >= min && value <= max) return value;
  const wanted = max === Number.MAX_VALUE ? `of at least ${min}` : `from ${min} to ${max}`;
  reader.findings.error('out-of-range', reader.at(name), `${show(value)} is not a number ${wanted}: correct it`);
  return undefined;
}
