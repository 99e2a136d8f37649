// How a text is matched: exactly, by its beginning, or by a regular expression that Envoy's engine (RE2) must be able to run.

import type { FieldReader } from '../convert/field-reader.ts';
import { show } from '../convert/field-reader.ts';
import type { Findings } from '../convert/findings.ts';
import { compareText } from '../model/network-gateway.ts';
import type { HeaderMatch, StringMatch } from '../model/policy.ts';
import { checkHeaderName } from './header-text.ts';

/** The match under a field; undefined when the field is absent. */
export function readStringMatch(reader: FieldReader, name: string): StringMatch | undefined {
  const match = reader.object(name);
  if (match === undefined) return undefined;
  const found = readMatch(match);
  if (found === undefined && !match.findings.refused) {
    match.findings.error('missing-field', match.path, `${match.path} says neither exact nor prefix nor regex: add one`);
  }
  // Every method, host and scheme begins with nothing, and Envoy takes no such match of them.
  return name !== 'uri' && found !== undefined && isEmptyPrefix(found) ? undefined : found;
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
    if (nameCase === 'lower') checkHeaderName(key, match.path, match.findings);
    const found = readMatch(match);
    matches.push({
      name: nameCase === 'lower' ? key.toLowerCase() : key,
      // What begins with nothing is anything, for which Envoy wants another match.
      match: found === undefined || isEmptyPrefix(found) ? { kind: 'present' } : found,
    });
  }
  return matches.toSorted((a, b) => compareText(a.name, b.name));
}

function isEmptyPrefix({ kind, value }: StringMatch): boolean {
  return kind === 'prefix' && value === '';
}

function readMatch(match: FieldReader): StringMatch | undefined {
  const found: StringMatch[] = [];
  for (const kind of ['exact', 'prefix', 'regex'] as const) {
    const value = match.string(kind);
    if (value === undefined) continue;
    if (kind === 'regex') checkRegex(value, match.at(kind), match.findings);
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

/** Reports what RE2 refuses: look-around, back-references, and what is no regular expression at all. */
export function checkRegex(text: string, field: string, findings: Findings): void {
  const reason = regexFault(text);
  if (reason === undefined) return;
  findings.error(
    'invalid-regex',
    field,
    `${show(text)} can't be used as a regular expression (${reason}): write it in RE2 syntax`,
  );
}

function regexFault(text: string): string | undefined {
  if (text === '') return 'it is empty';
  if (repeatsTooOften(text)) return 'nothing may be repeated more than 1000 times';
  const bare = text.replaceAll(/\\[^1-9kpP]/g, '');
  if (/\(\?<?[=!]/.test(bare)) return 'look-around is not supported';
  if (/\\([1-9]|k<)/.test(bare)) return 'back-references are not supported';
  if (bare.includes('(?>')) return 'atomic groups are not supported';
  try {
    // RE2 names groups (?P<n>…) and sets flags inline where JavaScript does not.
    void new RegExp(text.replaceAll('(?P<', '(?<').replaceAll(/\(\?[imsU]+\)/g, ''));
    return undefined;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return message.slice(message.lastIndexOf(': ') + 2).toLowerCase();
  }
}

/** RE2 takes counts up to 1000, and of nested ones their product. */
function repeatsTooOften(text: string): boolean {
  const tokens = text.matchAll(/\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\{(\d+)(?:,(\d*))?\}|[^]/gu);
  // The highest product in each group that is open, the whole text first; then that of what stands before the next token.
  const highest = [1];
  let product = 1;
  for (const [token, from, to] of tokens) {
    const open = highest.length - 1;
    if (from !== undefined) product *= Math.max(Number(from), Number(to ?? 0), 1);
    else if (token === '(') highest.push((product = 1));
    else product = token === ')' && open > 0 ? (highest.pop() ?? 1) : 1;
    const top = highest.length - 1;
    highest[top] = Math.max(highest[top] ?? 1, product);
    if (product > 1000) return true;
  }
  return false;
}
