// Headers that a route sets, adds and removes.
// https://istio.io/latest/docs/reference/config/networking/virtual-service/#Headers

import type { FieldReader } from '../convert/field-reader.ts';
import type { HeaderOperation, HeaderOperations } from '../model/policy.ts';
import { checkChangedHeader, checkHeaderValue } from './header-text.ts';

/** Field `headers`. */
export function readHeaderOperations(reader: FieldReader): HeaderOperations | undefined {
  const headers = reader.object('headers');
  if (headers === undefined) return undefined;
  const operations = { request: readOperation(headers, 'request'), response: readOperation(headers, 'response') };
  headers.end();
  return operations;
}

function readOperation(headers: FieldReader, name: string): HeaderOperation {
  const reader = headers.object(name);
  if (reader === undefined) return { set: {}, add: {}, remove: [] };
  const removed = reader.strings('remove');
  for (const [index, header] of removed.entries()) {
    checkChangedHeader(header, 'remove', { field: `${reader.at('remove')}[${index}]`, findings: reader.findings });
  }
  const operation = {
    set: readHeaderValues(reader, 'set'),
    add: readHeaderValues(reader, 'add'),
    remove: removed.map((header) => header.toLowerCase()),
  };
  reader.end();
  return operation;
}

/** By name in lower case. */
function readHeaderValues(reader: FieldReader, name: 'set' | 'add'): Readonly<Record<string, string>> {
  const headers = Object.entries(reader.stringMap(name));
  for (const [header, value] of headers) {
    const field = `${reader.at(name)}[${JSON.stringify(header)}]`;
    checkChangedHeader(header, name, { field, findings: reader.findings });
    checkHeaderValue(value, field, reader.findings);
  }
  return Object.fromEntries(headers.map(([header, value]) => [header.toLowerCase(), value]));
}

/** A text that becomes part of a header. */
export function readHeaderPart(reader: FieldReader, name: string): string | undefined {
  const text = reader.string(name);
  if (text !== undefined) checkHeaderValue(text, reader.at(name), reader.findings);
  return text;
}
