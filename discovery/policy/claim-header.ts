// A claim of a verified token, written as if it were a header: `@request.auth.claims.sub`, or with brackets for names that hold
// dots, `@request.auth.claims[realm.io][role]`. In: the key of a match. Out: the way to the claim.
// https://istio.io/latest/docs/tasks/security/authentication/jwt-route/

import { show } from '../convert/field-reader.ts';
import type { Findings } from '../convert/findings.ts';

const prefix = '@request.auth.claims';

/** Undefined for a header. */
export function readClaimPath(key: string, field: string, findings: Findings): readonly string[] | undefined {
  if (!key.toLowerCase().startsWith(prefix)) return undefined;
  const rest = key.slice(prefix.length);
  const inBrackets = /^(?:\[[^[\]]+\])+$/.test(rest);
  if (inBrackets) return rest.slice(1, -1).split('][');
  if (/^(?:\.[^.[\]]+)+$/.test(rest)) return rest.slice(1).split('.');
  const message = `${show(key)} names no claim: write ${prefix}.NAME, or ${prefix}[NAME] for a name with dots`;
  findings.error('invalid-header', field, message);
  return [];
}

/** One way of writing for all that mean the same claim. */
export function claimHeaderName(path: readonly string[]): string {
  return prefix + path.map((name) => `[${name}]`).join('');
}
