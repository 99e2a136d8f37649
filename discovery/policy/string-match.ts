// How a text is matched: exactly, by its beginning, or by a regular expression that Envoy's engine (RE2) must be able to run.

import type { FieldReader } from '../convert/field-reader.ts';
import { compareText } from '../model/network-gateway.ts';
import type { HeaderMatch, StringMatch } from '../model/policy.ts';
import { claimHeaderName, readClaimPath } from './claim-header.ts';
import { checkHeaderName } from './header-text.ts';
import { checkRegex } from './regex.ts';

/** The match under a field; undefined when the field is absent. */
export function readStringMatch(reader: FieldReader, name: string): StringMatch | undefined {
  const match = reader.object(name);
  if (match === undefined) return undefined;
  const found = readMatch(match, { star: name !== 'uri' });
  if (found === undefined && !match.findings.refused) {
    match.findings.error('missing-field', match.path, `${match.path} says neither exact nor prefix nor regex: add one`);
  }
  // Every method, host and scheme begins with nothing, and Envoy takes no such match of them.
  return name !== 'uri' && found !== undefined && isAnything(found) ? undefined : found;
}

/** Matches of headers or query parameters by name, sorted by name. An empty match asks for presence only. */
export function readHeaderMatches(
  reader: FieldReader,
  name: string,
  nameCase: 'lower' | 'as-is',
): readonly HeaderMatch[] {
  const headers = reader.object(name);
  const matches: HeaderMatch[] = [];
  for (const key of headers?.keys() ?? []) {
    const match = headers?.object(key);
    if (match === undefined) continue;
    const claim = nameCase === 'lower' ? readClaimPath(key, match.path, match.findings) : undefined;
    if (nameCase === 'lower' && claim === undefined) checkHeaderName(key, match.path, match.findings);
    const found = readMatch(match, { star: true });
    matches.push({
      ...(claim === undefined
        ? { name: nameCase === 'lower' ? key.toLowerCase() : key }
        : { name: claimHeaderName(claim), claim }),
      // What begins with nothing is anything, for which Envoy wants another match.
      match: found === undefined || isAnything(found) ? { kind: 'present' } : found,
    });
  }
  return matches.toSorted((a, b) => compareText(a.name, b.name));
}

/** `*` is no regular expression, but Istio takes it for any value. */
function isAnything({ kind, value }: StringMatch): boolean {
  return (kind === 'prefix' && value === '') || (kind === 'regex' && value === '*');
}

/** The one of exact, prefix and regex that a mapping says; undefined when it says none. `star`: the regex may be a mere `*`. */
export function readMatch(
  match: FieldReader,
  { star = false }: { readonly star?: boolean } = {},
): StringMatch | undefined {
  const found: StringMatch[] = [];
  for (const kind of ['exact', 'prefix', 'regex'] as const) {
    const value = match.string(kind);
    if (value === undefined) continue;
    if (kind === 'regex' && !(star && value === '*')) checkRegex(value, match.at(kind), match.findings);
    found.push({ kind, value });
  }
  match.end();
  if (found.length > 1) {
    match.findings.error(
      'conflicting-fields',
      match.path,
      `${match.path} says more than one of exact, prefix and regex: keep one`,
    );
  }
  return found[0];
}
