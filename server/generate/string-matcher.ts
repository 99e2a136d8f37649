// A declared match of a text in Envoy's terms.

import type { StringMatch } from '../../discovery/model/policy.ts';
import type { StringMatcher } from '../../proto/generated/envoy.type.matcher.v3.ts';

export function stringMatcher({ kind, value }: StringMatch): StringMatcher {
  if (kind === 'exact') return { exact: value };
  return kind === 'prefix' ? { prefix: value } : { safeRegex: { regex: value } };
}
