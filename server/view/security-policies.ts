// Which authorization policies hold for a workload: those of its namespace and of the root namespace that select it. They are
// part of the scope, so that proxies under the same policies share a view.

import { createHash } from 'node:crypto';
import type { MeshSnapshot } from '../../discovery/model/mesh-snapshot.ts';
import { compareText } from '../../discovery/model/network-gateway.ts';
import type { AuthorizationPolicy } from '../../discovery/model/policy.ts';
import { labelsMatch } from './visibility.ts';

export interface SecurityPolicies {
  /** Sorted by their objects' keys. */
  readonly authorization: readonly AuthorizationPolicy[];
}

export const noSecurityPolicies: SecurityPolicies = Object.freeze({ authorization: [] });

export function securityPoliciesFor(
  workload: { readonly namespace: string; readonly labels: Readonly<Record<string, string>> },
  mesh: MeshSnapshot,
): SecurityPolicies {
  const { rootNamespace } = mesh.config;
  const authorization = mesh.policies.authorizationPolicies.filter(
    ({ namespace, selector }) =>
      (namespace === workload.namespace || namespace === rootNamespace) && labelsMatch(selector, workload.labels),
  );
  if (authorization.length === 0) return noSecurityPolicies;
  return { authorization: authorization.toSorted((a, b) => compareText(a.source, b.source)) };
}

/** What of them decides: for the key of a scope. */
export function securityKey({ authorization }: SecurityPolicies): readonly string[] {
  return authorization.map((policy) => digestOf(policy));
}

const digests = new WeakMap<AuthorizationPolicy, string>();

// Policies are immutable, and a proxy's key is worked out often.
function digestOf(policy: AuthorizationPolicy): string {
  const known = digests.get(policy);
  if (known !== undefined) return known;
  const { origin: _origin, createdAtMs: _createdAtMs, selector: _selector, exportTo: _exportTo, ...decides } = policy;
  const digest = createHash('sha256').update(JSON.stringify(decides)).digest('base64');
  digests.set(policy, digest);
  return digest;
}
