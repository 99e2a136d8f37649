// Whether Envoy's engine (RE2) can run a regular expression, without being kept busy by the answer.

import { RE2JS } from 're2js';
import { maxRegexSize, regexSize } from './regex-size.ts';

/** The expression, compiled; or why it can't be, in words that follow a name of it. */
export function compileRegex(text: string): RE2JS | string {
  const size = regexSize(text);
  if (size > maxRegexSize) {
    return `with its repetitions written out it has some ${String(size)} parts, and ${String(maxRegexSize)} are taken`;
  }
  try {
    return RE2JS.compile(text);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
