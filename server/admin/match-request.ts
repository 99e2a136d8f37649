// Whether an HTTP match of a VirtualService takes a request, as far as is known of it: in words, and decided.

import type { HeaderMatch, HttpMatch, StringMatch } from '../../discovery/model/policy.ts';
import type { AskedHeaders } from './asked-headers.ts';
import { all, decided, dependsOn, no, not, some, yes, type Decision } from './decision.ts';

/** What is known of a request beside where it comes from and goes. */
export interface AskedRequest {
  /** With its query, if there is one. */
  readonly path?: string | undefined;
  readonly method?: string | undefined;
  readonly headers?: AskedHeaders | undefined;
}

/** `path starts with /v2 and header end-user is jason`; `everything` when it asks for nothing. */
export function matchText(match: HttpMatch): string {
  const parts = [
    named(match.ignoreUriCase ? 'path (in any case)' : 'path', match.uri),
    named('scheme', match.scheme),
    named('method', match.method),
    named('authority', match.authority),
    ...match.headers.map((header) => `${nounOf(header)} ${headerText(header)}`),
    ...match.withoutHeaders.map((header) => `not ${nounOf(header)} ${headerText(header)}`),
    ...match.queryParams.map((parameter) => `query ${headerText(parameter)}`),
    match.port === undefined ? undefined : `port ${String(match.port)}`,
  ].filter((part) => part !== undefined);
  return parts.length === 0 ? 'everything' : parts.join(' and ');
}

/** Of none: everything is taken. */
export function takesRequest(matches: readonly HttpMatch[], request: AskedRequest): Decision {
  return matches.length === 0 ? yes : some(matches.map((match) => takes(match, request)));
}

function takes(match: HttpMatch, { path, method, headers }: AskedRequest): Decision {
  const [pathname, query] = split(path);
  return all([
    match.uri === undefined || isAnyPath(match.uri) ? yes : text(match.uri, pathname, 'the path', match.ignoreUriCase),
    match.method === undefined ? yes : text(match.method, method, 'the method'),
    match.scheme === undefined ? yes : dependsOn('the scheme'),
    match.authority === undefined ? yes : dependsOn('the authority'),
    ...match.headers.map((header) => hasHeader(header, headers)),
    ...match.withoutHeaders.map((header) => not(hasHeader(header, headers, ''))),
    ...match.queryParams.map((parameter) => ofQuery(parameter, query)),
  ]);
}

function isAnyPath({ kind, value }: StringMatch): boolean {
  return kind === 'prefix' && value === '/';
}

/** `absent`: what a header that is not there counts as, when its value is looked at; nothing else fits it otherwise. */
function hasHeader({ name, claim, match }: HeaderMatch, headers?: AskedHeaders, absent?: string): Decision {
  const key = name.toLowerCase();
  if (claim !== undefined) return dependsOn(`claim ${name}`);
  if (headers?.has(key) !== true) return dependsOn(`header ${name}`);
  const value = headers.get(key);
  if (match.kind === 'present') return decided(value !== undefined);
  const compared = value ?? absent;
  return compared === undefined ? no : text(match, compared, `header ${name}`);
}

function split(path: string | undefined): readonly [pathname: string | undefined, query: URLSearchParams | undefined] {
  if (path === undefined) return [undefined, undefined];
  const cut = path.indexOf('?');
  return cut < 0 ? [path, new URLSearchParams()] : [path.slice(0, cut), new URLSearchParams(path.slice(cut + 1))];
}

function ofQuery({ name, match }: HeaderMatch, query: URLSearchParams | undefined): Decision {
  if (query === undefined) return dependsOn(`query parameter ${name}`);
  const value = query.get(name);
  if (value === null) return decided(false);
  return match.kind === 'present' ? yes : text(match, value, `query parameter ${name}`);
}

function text({ kind, value }: StringMatch, asked: string | undefined, what: string, anyCase = false): Decision {
  if (asked === undefined) return dependsOn(what);
  const [wanted, given] = anyCase ? [value.toLowerCase(), asked.toLowerCase()] : [value, asked];
  if (kind === 'exact') return decided(given === wanted);
  if (kind === 'prefix') return decided(given.startsWith(wanted));
  try {
    // RE2's syntax, less what it has beyond this engine's: that is told as open.
    return decided(new RegExp(`^(?:${value})$`, 'u').test(asked));
  } catch {
    return dependsOn(what);
  }
}

function named(what: string, match: StringMatch | undefined): string | undefined {
  return match === undefined ? undefined : `${what} ${stringMatchText(match)}`;
}

function nounOf({ claim }: HeaderMatch): string {
  return claim === undefined ? 'header' : 'claim';
}

function headerText({ name, match }: HeaderMatch): string {
  return match.kind === 'present' ? `${name} present` : `${name} ${stringMatchText(match)}`;
}

export function stringMatchText({ kind, value }: StringMatch): string {
  if (kind === 'exact') return `is ${value}`;
  return kind === 'prefix' ? `starts with ${value}` : `matches ${value}`;
}
