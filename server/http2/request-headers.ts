// The fields of a request to its headers, or nothing where the request is malformed (RFC 9113, 8.2 and 8.3), which is an
// error of its stream alone.

import type { ReceivedHeaders } from '../grpc/http-stream.ts';
import type { HeaderField } from './hpack/header-field.ts';

/** Of a request; each at most once. CONNECT, which has neither scheme nor path, is not served. */
const requiredPseudoHeaders: readonly string[] = [':method', ':scheme', ':path'];
const pseudoHeaders: ReadonlySet<string> = new Set([...requiredPseudoHeaders, ':authority']);

/** "An endpoint MUST NOT generate an HTTP/2 message containing connection-specific header fields" (RFC 9113, 8.2.2) */
const connectionHeaders: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
]);

/** A token (RFC 9110, 5.6.2), in lower case. */
const validName = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
/** RFC 9110, 8.6 */
const validLength = /^[0-9]+$/;
/** "MUST NOT contain" and "MUST NOT start or end with" (RFC 9113, 8.2.1) */
const forbiddenInValue = /[\0\r\n]|^[ \t]|[ \t]$/;

/**
 * By name. What came more than once is joined with `, `, and cookies with `; `. Undefined: the request is malformed. The
 * object has no prototype, so that every name is one that the client sent.
 */
export function requestHeaders(fields: readonly HeaderField[]): ReceivedHeaders | undefined {
  const values = new Map<string, string>();
  let behindPseudo = false;
  for (const [name, value] of fields) {
    if (forbiddenInValue.test(value)) return undefined;
    const known = values.get(name);
    if (name.startsWith(':')) {
      if (behindPseudo || known !== undefined || !pseudoHeaders.has(name)) return undefined;
    } else {
      if (!isRegularHeader(name, value)) return undefined;
      behindPseudo = true;
    }
    values.set(name, known === undefined ? value : `${known}${name === 'cookie' ? '; ' : ', '}${value}`);
  }
  if (requiredPseudoHeaders.some((name) => (values.get(name) ?? '') === '')) return undefined;
  if (!validLength.test(values.get('content-length') ?? '0')) return undefined;
  return withoutPrototype(values);
}

/** True when the fields may end a request: "Trailers MUST NOT include pseudo-header fields" (RFC 9113, 8.1). */
export function isTrailers(fields: readonly HeaderField[]): boolean {
  return fields.every(([name, value]) => isRegularHeader(name, value) && !forbiddenInValue.test(value));
}

function isRegularHeader(name: string, value: string): boolean {
  if (!validName.test(name) || connectionHeaders.has(name)) return false;
  return name !== 'te' || value === 'trailers';
}

function withoutPrototype(values: ReadonlyMap<string, string>): ReceivedHeaders {
  const headers: Record<string, string> = {};
  Object.setPrototypeOf(headers, null);
  for (const [name, value] of values) headers[name] = value;
  return headers;
}
