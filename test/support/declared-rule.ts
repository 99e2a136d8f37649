// A DestinationRule as a person writes it, for tests of what becomes of it.

import { convertDestinationRule } from '../../discovery/policy/destination-rule.ts';
import type { DestinationRulePolicy } from '../../discovery/model/policy.ts';
import { objectOf, policyManifest } from './kube-objects.ts';

/** `spec` of a rule in namespace `default` (or `NAMESPACE/NAME`); anything wrong with it fails the test. */
export function declaredRule(fullName: string, spec: object): DestinationRulePolicy {
  const [name = '', namespace = 'default'] = fullName.split('/').toReversed();
  const object = objectOf(policyManifest('DestinationRule', name, spec, { namespace }));
  const { value, problems } = convertDestinationRule(object, { domain: 'cluster.local' });
  if (value === undefined || problems.length > 0) throw new Error(JSON.stringify(problems));
  return value;
}
