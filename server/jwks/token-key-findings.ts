// What is wrong with the keys of RequestAuthentications, for the objects that ask for them.

import { keyLocationId } from '../../discovery/model/policies/request-authentication.ts';
import type { RequestAuthenticationPolicy } from '../../discovery/model/policy.ts';
import type { Problem } from '../../discovery/model/problem.ts';
import type { TokenKeys } from './token-keys.ts';

export function tokenKeyFindings(
  policies: readonly RequestAuthenticationPolicy[],
  keys: Pick<TokenKeys, 'failureOf'>,
): readonly Problem[] {
  return policies.flatMap(({ source, origin, rules }) =>
    rules.flatMap((rule, index): readonly Problem[] => {
      if (rule.keys.kind !== 'fetched') return [];
      const { location } = rule.keys;
      const failure = keys.failureOf(keyLocationId(location));
      if (failure === undefined) return [];
      const effect = failure.hasKeys
        ? 'the keys that were read before stay in use, and new ones are not known'
        : `every token of ${rule.issuer} is refused`;
      return [
        {
          severity: failure.hasKeys ? 'warning' : 'error',
          code: 'keys-unreachable',
          object: source,
          field: `spec.jwtRules[${index}].${location.uri === undefined ? 'issuer' : 'jwksUri'}`,
          ...(origin === undefined ? {} : { origin }),
          message: `${failure.reason}; until it can be read, ${effect}.`,
        },
      ];
    }),
  );
}
