// DestinationRules that do nothing, or not what they say: an unknown host, a subset without endpoints, a younger rule whose
// traffic policy or subset another one of its namespace has already. In: the mesh. Out: findings.

import type { DestinationRulePolicy } from '../model/policy.ts';
import type { Problem } from '../model/problem.ts';
import { hostMatches, labelsMatch } from '../mesh/visibility.ts';
import { endpointKinds } from './endpoint-kinds.ts';
import { finding } from './finding.ts';
import type { MeshFacts } from './mesh-facts.ts';

export function* destinationRuleFindings(facts: MeshFacts): Generator<Problem> {
  for (const rule of facts.destinationRules) {
    if (isKnown(facts, rule)) yield* emptySubsets(facts, rule);
    else {
      yield finding(rule, {
        code: 'unknown-host',
        field: 'spec.host',
        what: `There is no service ${rule.host}`,
        so: 'the rule has no effect',
        remedy: 'correct the name, or declare the host in a ServiceEntry',
      });
    }
  }
  for (const rules of facts.mesh.policies.destinationRules.values()) yield* shadowed(rules);
}

function isKnown({ serviceOf, mesh }: MeshFacts, { host }: DestinationRulePolicy): boolean {
  if (!host.startsWith('*')) return serviceOf(host) !== undefined;
  for (const known of mesh.services.keys()) if (hostMatches(host, known)) return true;
  return false;
}

/** A host without any endpoint is no fault of the rule. */
function* emptySubsets({ mesh }: MeshFacts, rule: DestinationRulePolicy): Generator<Problem> {
  const endpoints = mesh.endpoints.get(rule.host) ?? [];
  if (endpoints.length === 0) return;
  const kinds = endpointKinds(endpoints);
  for (const [index, { name, labels }] of rule.subsets.entries()) {
    if (kinds.some((endpoint) => labelsMatch(labels, endpoint.labels))) continue;
    const pairs = Object.entries(labels).map(([label, value]) => `${label}=${value}`);
    yield finding(rule, {
      code: 'empty-subset',
      field: `spec.subsets[${index}].labels`,
      what: `No endpoint of ${rule.host} has ${pairs.join(', ')}`,
      so: `requests for subset ${name} are answered with 503`,
      remedy: 'correct the labels, or start workloads that have them',
    });
  }
}

/** Rules of one host and namespace are merged: the first traffic policy holds, and of two subsets of one name the first. */
function* shadowed(rules: readonly DestinationRulePolicy[]): Generator<Problem> {
  for (const [index, rule] of rules.entries()) {
    const older = rules.slice(0, index).filter((other) => areMerged(other, rule));
    const withPolicy = hasTrafficPolicy(rule) ? older.find(hasTrafficPolicy) : undefined;
    if (withPolicy !== undefined) {
      yield finding(rule, {
        code: 'shadowed-policy',
        field: 'spec.trafficPolicy',
        what: `${withPolicy.source} is older and has a traffic policy for ${rule.host} as well`,
        so: 'the one of this rule is not used',
        remedy: 'put both into one rule',
      });
    }
    for (const [number, { name }] of rule.subsets.entries()) {
      const other = older.find(({ subsets }) => subsets.some((subset) => subset.name === name));
      if (other === undefined) continue;
      yield finding(rule, {
        code: 'shadowed-policy',
        field: `spec.subsets[${number}].name`,
        what: `${other.source} is older and has a subset ${name} of ${rule.host} as well`,
        so: 'the one of this rule is not used',
        remedy: 'give it another name, or put both into one rule',
      });
    }
  }
}

function areMerged(one: DestinationRulePolicy, other: DestinationRulePolicy): boolean {
  return one.namespace === other.namespace && (one.workloadSelector ?? other.workloadSelector) === undefined;
}

function hasTrafficPolicy({ trafficPolicy, portPolicies }: DestinationRulePolicy): boolean {
  return portPolicies.size > 0 || Object.keys(trafficPolicy).length > 0;
}
