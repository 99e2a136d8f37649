// Which security policies hold for a workload: those of its namespace and of the root namespace that select it. They are part of
// the scope, so that proxies under the same policies share a view.

import { createHash } from 'node:crypto';
import { nobodysKeys } from '../../discovery/convert/key-set.ts';
import type { MeshSnapshot } from '../../discovery/model/mesh-snapshot.ts';
import { compareText } from '../../discovery/model/network-gateway.ts';
import { keyLocationId } from '../../discovery/model/policies/request-authentication.ts';
import type { AuthorizationPolicy, KeySource, Policy, TokenRule } from '../../discovery/model/policy.ts';
import { policySelects } from './visibility.ts';

/** A rule of a RequestAuthentication with the keys that are known for it: none while they were never fetched. */
export interface KeyedTokenRule {
  readonly rule: TokenRule;
  readonly keySet: string;
}

export interface SecurityPolicies {
  /** Sorted by their objects' keys. */
  readonly authorization: readonly AuthorizationPolicy[];
  /** Likewise, and in each object's order. */
  readonly tokens: readonly KeyedTokenRule[];
}

export const noSecurityPolicies: SecurityPolicies = Object.freeze({ authorization: [], tokens: [] });

interface Workload {
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
}

type SelectingPolicy = Extract<Policy, { readonly kind: 'AuthorizationPolicy' | 'RequestAuthentication' }>;

export function securityPoliciesFor(workload: Workload, mesh: MeshSnapshot): SecurityPolicies {
  const { rootNamespace } = mesh.config;
  const { authorizationPolicies, requestAuthentications } = mesh.policies;
  const authorization = selecting(authorizationPolicies, workload, rootNamespace);
  const authentication = selecting(requestAuthentications, workload, rootNamespace);
  if (authorization.length === 0 && authentication.length === 0) return noSecurityPolicies;
  const rules = authentication.flatMap((policy) => policy.rules);
  return { authorization, tokens: rules.map((rule) => ({ rule, keySet: keySetOf(rule.keys, mesh) })) };
}

function selecting<P extends SelectingPolicy>(
  policies: readonly P[],
  workload: Workload,
  rootNamespace: string,
): readonly P[] {
  return policies
    .filter(
      (policy) =>
        (policy.namespace === workload.namespace || policy.namespace === rootNamespace) &&
        policySelects(policy, workload),
    )
    .toSorted((a, b) => compareText(a.source, b.source));
}

function keySetOf(keys: KeySource, { tokenKeys }: MeshSnapshot): string {
  return keys.kind === 'inline' ? keys.keySet : (tokenKeys.get(keyLocationId(keys.location)) ?? nobodysKeys);
}

/** What of them decides: for the key of a scope. */
export function securityKey({ authorization, tokens }: SecurityPolicies): readonly string[] {
  const ofTokens = tokens.map(({ rule, keySet }) => `${digestOf(rule, rule)} ${digestOfText(keySet)}`);
  return [...authorization.map((policy) => digestOf(policy, decisionOf(policy))), ...ofTokens];
}

function decisionOf(policy: AuthorizationPolicy): object {
  const { origin: _origin, createdAtMs: _createdAtMs, exportTo: _exportTo, ...rest } = policy;
  const { selector: _selector, targetGateways: _targets, ...decides } = rest;
  return decides;
}

const digests = new WeakMap<object, string>();

// Policies are immutable, and a proxy's key is worked out often.
function digestOf(owner: object, decides: object): string {
  const known = digests.get(owner);
  if (known !== undefined) return known;
  const digest = digestOfText(JSON.stringify(decides));
  digests.set(owner, digest);
  return digest;
}

function digestOfText(text: string): string {
  return createHash('sha256').update(text).digest('base64');
}
