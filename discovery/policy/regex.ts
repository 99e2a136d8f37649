// Whether Envoy's engine (RE2) can run a regular expression: what it can't run would have a whole response refused.
// https://github.com/google/re2/wiki/Syntax

import { compileRegex } from '../../proto/regex.ts';
import { show } from '../convert/field-reader.ts';
import type { Findings } from '../convert/findings.ts';

/** Reports what RE2 refuses. Returns how many groups the expression has; undefined after a report. */
export function checkRegex(text: string, field: string, findings: Findings): number | undefined {
  const compiled = compile(text);
  if (typeof compiled === 'number') return compiled;
  findings.error(
    'invalid-regex',
    field,
    `${show(text)} can't be used as a regular expression (${compiled}): write it in RE2 syntax`,
  );
  return undefined;
}

/** The number of groups, or why RE2 refuses it. */
function compile(text: string): number | string {
  if (text === '') return 'it is empty';
  const compiled = compileRegex(text);
  if (typeof compiled !== 'string') return compiled.groupCount();
  return unsupported(text, compiled) ?? compiled.replace(/^error parsing regexp: /, '').replaceAll('`', '"');
}

/** What other engines have and RE2 leaves out, by its usual name. */
function unsupported(text: string, message: string): string | undefined {
  const near = (construct: RegExp): boolean => construct.test(text.replaceAll(/\\[^1-9kC]/g, ''));
  if (message.includes('repeat count')) return 'nothing may be repeated more than 1000 times';
  if (message.includes('nested repetition') && near(/[*+?}]\+/)) return 'possessive repetition is not supported';
  if (near(/\(\?<?[=!]/)) return 'look-around is not supported';
  if (near(/\\([1-9]|k[<{'])/)) return 'back-references are not supported';
  if (near(/\(\?>/)) return 'atomic groups are not supported';
  if (near(/\(\?\(/)) return 'conditions are not supported';
  if (near(/\(\?#/)) return 'comments are not supported';
  return undefined;
}

/**
 * Reports a substitution that names a group which the expression does not have (`\1` is the first, `\0` all of it), or a
 * backslash that stands for nothing.
 */
export function checkSubstitution(text: string, groups: number, at: { field: string; findings: Findings }): void {
  for (const [, named = ''] of text.matchAll(/\\(.?)/gs)) {
    if (named === '\\' || (/\d/.test(named) && Number(named) <= groups)) continue;
    const message = /\d/.test(named)
      ? `${show(text)} names group ${named}, and the expression has ${groups}: correct it`
      : `${show(text)} has a backslash that is followed by neither a digit nor a backslash: correct it`;
    at.findings.error('invalid-regex', at.field, message);
    return;
  }
}
