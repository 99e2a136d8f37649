// An EnvoyFilter as a person writes it, in YAML, for tests of what becomes of it.

import { parse } from 'yaml';
import type { EnvoyFilterPolicy } from '../../discovery/model/policy.ts';
import { convertEnvoyFilter } from '../../discovery/policy/envoy-filter/envoy-filter.ts';
import { objectOf, policyManifest } from './kube-objects.ts';

/** `spec` of a filter in namespace `default` (or `NAMESPACE/NAME`); anything wrong with it fails the test. */
export function declaredEnvoyFilter(fullName: string, spec: string, createdAtMs = 1): EnvoyFilterPolicy {
  const [name = '', namespace = 'default'] = fullName.split('/').toReversed();
  const object = objectOf(policyManifest('EnvoyFilter', name, parse(spec), { namespace }));
  const { value, problems } = convertEnvoyFilter(object);
  if (value === undefined || problems.length > 0) throw new Error(JSON.stringify(problems, undefined, 2));
  return { ...value, createdAtMs };
}
