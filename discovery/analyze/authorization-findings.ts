// AuthorizationPolicies that can't decide what they say: rules that nothing matches, and a provider that MeshConfig does not have.
// In: the mesh. Out: findings. A policy without rules is none of them: it is how people deny everything.

import type { ExtensionProvider, ExternalAuthorizer } from '../model/extension-provider.ts';
import type { Attribute, AuthorizationPolicy, AuthorizationRule, TextPattern } from '../model/policy.ts';
import type { Problem } from '../model/problem.ts';
import { finding } from './finding.ts';
import type { MeshFacts } from './mesh-facts.ts';

export function* authorizationFindings(facts: MeshFacts): Generator<Problem> {
  for (const policy of facts.mesh.policies.authorizationPolicies) {
    if (policy.failClosed) continue;
    yield* unknownProvider(facts, policy);
    yield* deadRules(facts, policy);
  }
}

function* unknownProvider({ mesh, serviceOf }: MeshFacts, policy: AuthorizationPolicy): Generator<Problem> {
  if (policy.action !== 'custom') return;
  const { provider = '' } = policy;
  const known = mesh.config.extensionProviders.filter(isAuthorizer).find(({ name }) => name === provider);
  const place = { code: 'unknown-provider', field: 'spec.provider.name', so: 'what the rules match is denied' };
  if (known === undefined) {
    const what = `MeshConfig has no extension provider ${provider} that decides about requests`;
    yield finding(policy, { ...place, what, remedy: 'declare it in extensionProviders, or correct the name' });
  } else if (serviceOf(known.service) === undefined) {
    const what = `There is no service ${known.service}, which is the extension provider ${provider}`;
    yield finding(policy, { ...place, what, remedy: 'correct the provider in MeshConfig, or create the service' });
  }
}

function isAuthorizer(provider: ExtensionProvider): provider is ExternalAuthorizer {
  return provider.kind === 'ext-authz-http' || provider.kind === 'ext-authz-grpc';
}

function* deadRules(facts: MeshFacts, policy: AuthorizationPolicy): Generator<Problem> {
  const dead = policy.rules.flatMap((rule, index) => {
    const reason = reasonNotToMatch(facts, rule, `spec.rules[${index}]`);
    return reason === undefined ? [] : [reason];
  });
  const isAll = dead.length > 0 && dead.length === policy.rules.length;
  const so = isAll && policy.action === 'allow' ? 'the policy allows nothing at all' : 'the rule does nothing';
  for (const { field, what, remedy } of dead) yield finding(policy, { code: 'never-matches', field, what, so, remedy });
}

interface Reason {
  readonly field: string;
  readonly what: string;
  readonly remedy: string;
}

function reasonNotToMatch(facts: MeshFacts, rule: AuthorizationRule, path: string): Reason | undefined {
  const sources = rule.sources.map((source, index) => {
    const at = `${path}.from[${index}].source`;
    return (
      contradiction(source.principals, `${at}.principals`) ??
      contradiction(source.requestPrincipals, `${at}.requestPrincipals`) ??
      contradiction(source.namespaces, `${at}.namespaces`) ??
      foreignPrincipals(facts, source.principals, `${at}.principals`) ??
      unknownNamespaces(facts, source.namespaces, `${at}.namespaces`)
    );
  });
  const operations = rule.operations.map((operation, index) => {
    const at = `${path}.to[${index}].operation`;
    return (
      contradiction(operation.hosts, `${at}.hosts`) ??
      contradiction(operation.methods, `${at}.methods`) ??
      contradiction(operation.paths, `${at}.paths`) ??
      contradiction(operation.ports, `${at}.ports`)
    );
  });
  return every(sources) ?? every(operations);
}

/** Of alternatives, the rule is dead when all of them are. */
function every(reasons: readonly (Reason | undefined)[]): Reason | undefined {
  return reasons.every((reason) => reason !== undefined) ? reasons[0] : undefined;
}

/** Every value is excluded again. */
function contradiction(attribute: Attribute<unknown> | undefined, field: string): Reason | undefined {
  if (attribute === undefined || attribute.values.length === 0) return undefined;
  const excluded = new Set(attribute.notValues.map((value) => JSON.stringify(value)));
  if (!attribute.values.every((value) => excluded.has(JSON.stringify(value)))) return undefined;
  const what = `What ${field} asks for, its negation takes away`;
  return { field, what, remedy: 'correct one of the two' };
}

function foreignPrincipals(
  { mesh }: MeshFacts,
  attribute: Attribute<TextPattern> | undefined,
  field: string,
): Reason | undefined {
  const own = [mesh.config.trustDomain, ...mesh.config.trustDomainAliases, 'cluster.local'];
  const values = attribute?.values ?? [];
  const isForeign = (pattern: TextPattern): boolean =>
    pattern.kind === 'exact' && !own.some((domain) => pattern.value.startsWith(`${domain}/`));
  if (values.length === 0 || !values.every(isForeign)) return undefined;
  const what = `No principal of ${field} is of the trust domain ${mesh.config.trustDomain} or of an alias of it`;
  return { field, what, remedy: `write ${mesh.config.trustDomain}/ns/NAMESPACE/sa/ACCOUNT` };
}

function unknownNamespaces(
  { namespaces }: MeshFacts,
  attribute: Attribute<TextPattern> | undefined,
  field: string,
): Reason | undefined {
  const values = attribute?.values ?? [];
  const isUnknown = (pattern: TextPattern): boolean => pattern.kind === 'exact' && !namespaces.has(pattern.value);
  if (values.length === 0 || !values.every(isUnknown)) return undefined;
  const names = values.map((pattern) => (pattern.kind === 'present' ? '*' : pattern.value)).join(', ');
  return { field, what: `Nothing runs in namespace ${names}`, remedy: 'correct the name' };
}
