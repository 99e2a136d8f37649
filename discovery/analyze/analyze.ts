// What is wrong between objects that are each valid: hosts, subsets, gateways and namespaces that don't exist, policies that select
// nothing, never match or are hidden by others, clients and servers that don't agree. In: the mesh. Out: findings in the order of
// objects and fields, each with a code, the object, the field, what happens because of it and what to do. Pure.

import { virtualServiceFindings } from '../mesh/virtual-service-findings.ts';
import type { ChangeSet } from '../model/change-set.ts';
import type { MeshSnapshot } from '../model/mesh-snapshot.ts';
import { compareText } from '../model/network-gateway.ts';
import type { Problem } from '../model/problem.ts';
import { authorizationFindings } from './authorization-findings.ts';
import { destinationFindings } from './destination-findings.ts';
import { destinationRuleFindings } from './destination-rule-findings.ts';
import { exportFindings } from './export-findings.ts';
import { gatewayFindings } from './gateway-findings.ts';
import { factsOf, type MeshFacts } from './mesh-facts.ts';
import { mtlsFindings } from './mtls-findings.ts';
import { protocolFindings } from './protocol-findings.ts';
import { selectorFindings } from './selector-findings.ts';
import { shadowedPolicyFindings } from './shadowed-policy-findings.ts';
import { sidecarFindings } from './sidecar-findings.ts';
import { telemetryFindings } from './telemetry-findings.ts';

const checks: readonly ((facts: MeshFacts) => Iterable<Problem>)[] = [
  ({ mesh }) => virtualServiceFindings(mesh.policies),
  destinationFindings,
  destinationRuleFindings,
  gatewayFindings,
  selectorFindings,
  shadowedPolicyFindings,
  sidecarFindings,
  authorizationFindings,
  telemetryFindings,
  mtlsFindings,
  protocolFindings,
  exportFindings,
];

export function analyze(mesh: MeshSnapshot): readonly Problem[] {
  const facts = factsOf(mesh);
  return inOrder(checks.flatMap((check) => [...check(facts)]));
}

/** As `analyze`, with a pause after each finding and each kind of check. */
export function* analyzing(mesh: MeshSnapshot): Generator<undefined, readonly Problem[]> {
  const facts = factsOf(mesh);
  const found: Problem[] = [];
  for (const check of checks) {
    yield;
    for (const problem of check(facts)) {
      found.push(problem);
      yield;
    }
  }
  return inOrder(found);
}

/**
 * Whether a change may give other findings. Endpoints alone don't count: they come and go all the time, and what is said of them
 * (a subset without any, a server's mode) is said again with the next change of anything else.
 */
export function mayChangeFindings(change: ChangeSet): boolean {
  return change.everything || change.services.size > 0 || change.policies.size > 0 || change.workloads.size > 0;
}

/** By object, then by field, each once. */
export function inOrder(problems: readonly Problem[]): readonly Problem[] {
  const distinct = new Map(problems.map((one) => [keyOf(one), one]));
  return [...distinct].toSorted(([a], [b]) => compareText(a, b)).map(([, one]) => one);
}

function keyOf({ object, field, code, message }: Problem): string {
  return `${object ?? ''}\n${field ?? ''}\n${code}\n${message}`;
}
