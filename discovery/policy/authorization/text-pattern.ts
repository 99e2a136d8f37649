// Patterns of an AuthorizationPolicy: a text, one star at its end or its beginning, or a star alone. In: a list field. Out: what
// each value stands for.

import { show, type FieldReader } from '../../convert/field-reader.ts';
import type { Attribute, PathPattern, TextPattern } from '../../model/policy.ts';

/** Where a value was read, for findings. */
export interface ValuePlace {
  readonly reader: FieldReader;
  readonly field: string;
}

export type ReadValue<T> = (text: string, place: ValuePlace) => T | undefined;

/** The attribute under `name` and `notName`; undefined when neither is there. */
export function readAttribute<T>(
  reader: FieldReader,
  [name, notName]: readonly [name: string, notName: string],
  read: ReadValue<T>,
): Attribute<T> | undefined {
  const values = readValues(reader, name, read);
  const notValues = readValues(reader, notName, read);
  return values.length === 0 && notValues.length === 0 ? undefined : { values, notValues };
}

function readValues<T>(reader: FieldReader, name: string, read: ReadValue<T>): readonly T[] {
  refuseEmptyList(reader, name);
  return reader.strings(name).flatMap((text, index) => {
    const field = `${reader.at(name)}[${index}]`;
    if (text === '') {
      reader.findings.error('invalid-value', field, `${field} is empty: write a value or remove it`);
      return [];
    }
    const value = read(text, { reader, field });
    return value === undefined ? [] : [value];
  });
}

/** What asks for one of no values could be meant as nobody or as everybody: it is neither taken as the one nor as the other. */
export function refuseEmptyList(reader: FieldReader, name: string): void {
  if (!reader.has(name) || reader.list(name).length > 0 || reader.findings.refused) return;
  const field = reader.at(name);
  reader.findings.error('invalid-value', field, `${field} is an empty list: write a value or remove it`);
}

export function readPattern(text: string, { reader, field }: ValuePlace): TextPattern {
  if (text === '*') return { kind: 'present' };
  const inner = text.replace(/^\*|\*$/, '');
  if (inner.includes('*')) {
    const message = `${show(text)} has a star that is neither its first nor its last character alone: keep one at one end`;
    reader.findings.error('invalid-value', field, message);
  }
  if (text.startsWith('*')) return { kind: 'suffix', value: text.slice(1) };
  if (text.endsWith('*')) return { kind: 'prefix', value: text.slice(0, -1) };
  return { kind: 'exact', value: text };
}

const httpMethods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'CONNECT'];

/** A method: a pattern, said to be none where only its case is wrong. */
export function readMethod(text: string, place: ValuePlace): TextPattern {
  const pattern = readPattern(text, place);
  const capitals = text.toUpperCase();
  if (capitals !== text && httpMethods.some((method) => covers(pattern, method))) {
    const message = `${show(text)} matches no request: methods are in capitals; write ${show(capitals)}`;
    place.reader.findings.warn('never-matches', place.field, message);
  }
  return pattern;
}

/** Whether the pattern in capitals matches. */
function covers(pattern: TextPattern, method: string): boolean {
  if (pattern.kind === 'present') return true;
  const value = pattern.value.toUpperCase();
  if (pattern.kind === 'exact') return method === value;
  return pattern.kind === 'prefix' ? method.startsWith(value) : method.endsWith(value);
}

/** A path: a pattern, or a template with segments `{*}` and `{**}`. */
export function readPath(text: string, place: ValuePlace): PathPattern {
  if (!text.includes('{')) {
    const pattern = readPattern(text, place);
    sayUnlessPath(pattern, text, place);
    return pattern;
  }
  const { reader, field } = place;
  const segments = text.split('/').slice(1);
  const isTemplate = text.startsWith('/') && segments.every((segment) => /^(\{\*{1,2}\}|[^{}*]*)$/.test(segment));
  if (!isTemplate) {
    const message = `${show(text)} is not a path template: each segment is a text, {*} or {**}`;
    reader.findings.error('invalid-value', field, message);
  } else if (/\{\*\*\}.*\{\*/.test(text)) {
    const message = `${show(text)} has {*} or {**} after {**}: end the pattern with the first {**}`;
    reader.findings.error('invalid-value', field, message);
  }
  return { kind: 'template', value: text };
}

/** Paths are held against patterns without their query. */
function sayUnlessPath(pattern: TextPattern, text: string, { reader, field }: ValuePlace): void {
  if (pattern.kind === 'present') return;
  if (pattern.kind !== 'suffix' && !text.startsWith('/')) {
    const message = `${show(text)} matches no request: every path begins with a slash; write ${show(`/${text}`)}`;
    reader.findings.warn('never-matches', field, message);
  } else if (text.includes('?')) {
    const message = `${show(text)} matches no request: the path is matched without what follows "?"; leave that out`;
    reader.findings.warn('never-matches', field, message);
  }
}
