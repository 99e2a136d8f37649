// Security policies for tests, from manifests as a user writes them: converted as the product does.

import { convertPolicy } from '../../../discovery/policy/convert-policy.ts';
import type { Policy } from '../../../discovery/model/policy.ts';
import { objectOf, type Manifest } from '../../support/kube-objects.ts';

export interface SecurityPolicyOptions {
  readonly kind?: string;
  /** `NAMESPACE/NAME`. */
  readonly name?: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** What holds: the object's own, or what stands in for it. Throws when nothing does. */
export function securityPolicy(spec: Manifest, options: SecurityPolicyOptions = {}): Policy {
  const { kind = 'AuthorizationPolicy', name: fullName = 'default/policy', annotations = {} } = options;
  const [namespace = '', name = ''] = fullName.split('/');
  const metadata = { name, namespace, annotations };
  const object = objectOf({ apiVersion: 'security.istio.io/v1', kind, metadata, spec });
  const { value, standIn, problems } = convertPolicy(object, { domain: 'cluster.local' }) ?? { problems: [] };
  const found = value ?? standIn;
  if (found === undefined) throw new Error(JSON.stringify(problems));
  return found;
}
