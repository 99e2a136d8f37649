// Findings → the exit code that a pipeline goes by.

import type { Problem } from '../../discovery/model/problem.ts';

/** 1 when there is an error, or anything at all where warnings count as errors. */
export function exitCodeFor(problems: readonly Problem[], warningsAsErrors: boolean): 0 | 1 {
  return problems.some(({ severity }) => warningsAsErrors || severity === 'error') ? 1 : 0;
}
