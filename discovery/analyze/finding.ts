// A finding about a policy that is valid by itself and does not do what it says among the others. In: the policy, and what is
// wrong in three parts. Out: a `Problem` with severity `warning`.

import type { PolicyBase } from '../model/policies/policy-base.ts';
import type { Origin, Problem } from '../model/problem.ts';
import type { ObjectKey } from '../model/names.ts';

export interface FindingParts {
  /** Stable, kebab-case: a label of metrics and a reason of conditions. */
  readonly code: string;
  /** JSON path, e.g. `spec.http[0].route[0].destination`. */
  readonly field: string;
  /** What is wrong, from a capital letter on, without a full stop. */
  readonly what: string;
  /** What happens because of it: `its requests are answered with 503`. */
  readonly so: string;
  /** What to do: `declare it in a DestinationRule for the host`. */
  readonly remedy: string;
}

export type Subject = Pick<PolicyBase, 'source' | 'origin'>;

export function finding({ source, origin }: Subject, { code, field, what, so, remedy }: FindingParts): Problem {
  return problem({ object: source, origin }, { code, field, message: `${what}, so ${so}; ${remedy}.` });
}

/** The same for an object that is no policy. */
export function problem(
  { object, origin }: { readonly object: ObjectKey; readonly origin?: Origin | undefined },
  { code, field, message }: { readonly code: string; readonly field: string; readonly message: string },
): Problem {
  return { severity: 'warning', code, object, field, ...(origin === undefined ? {} : { origin }), message };
}
