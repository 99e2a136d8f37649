// A field that holds one of a closed set of words. In: the field and what each word stands for. Out: what its word stands for.

import { show, type FieldReader } from './field-reader.ts';

/** One of a closed set of words; undefined when absent or, after reporting, when it is another. */
export function readChoice<T>(reader: FieldReader, name: string, choices: Readonly<Record<string, T>>): T | undefined {
  const text = reader.string(name);
  if (text === undefined) return undefined;
  const known = Object.entries(choices).find(([word]) => word === text);
  if (known !== undefined) return known[1];
  const words = Object.keys(choices).join(', ');
  reader.findings.error('invalid-value', reader.at(name), `${show(text)} is not one of ${words}: correct it`);
  return undefined;
}
