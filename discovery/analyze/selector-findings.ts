// Policies that select no workload of the primary. In: the mesh. Out: findings. A namespace of which no workload is known is not
// judged: what is read may not have Pods at all.

import type { PolicyBase } from '../model/policies/policy-base.ts';
import type { Problem } from '../model/problem.ts';
import type { Workload } from '../model/workload.ts';
import { policySelects, type Selecting } from '../mesh/visibility.ts';
import { finding } from './finding.ts';
import type { MeshFacts } from './mesh-facts.ts';

type SelectingPolicy = PolicyBase & Selecting;

export function* selectorFindings(facts: MeshFacts): Generator<Problem> {
  const { peerAuthentications, authorizationPolicies, gateways } = facts.mesh.policies;
  const { requestAuthentications, telemetries, proxyConfigs, sidecars, envoyFilters } = facts.mesh.policies;
  const { rootNamespace } = facts.mesh.config;
  const field = 'spec.selector.matchLabels';
  for (const policy of peerAuthentications) {
    yield* empty(policy, { field, among: facts.workloadsIn(policy.namespace), so: 'the mode holds nowhere' });
  }
  for (const policy of authorizationPolicies) {
    const among = policy.namespace === rootNamespace ? facts.allWorkloads : facts.workloadsIn(policy.namespace);
    yield* empty(policy, { field, among, so: 'nothing is allowed or denied by it' });
  }
  for (const policy of requestAuthentications) {
    const among = policy.namespace === rootNamespace ? facts.allWorkloads : facts.workloadsIn(policy.namespace);
    yield* empty(policy, { field, among, so: 'no token is read because of it' });
  }
  for (const policy of telemetries) {
    yield* empty(policy, { field, among: facts.workloadsIn(policy.namespace), so: 'nothing is told because of it' });
  }
  for (const policy of proxyConfigs) {
    yield* empty(policy, { field, among: facts.workloadsIn(policy.namespace), so: 'no proxy is started with it' });
  }
  for (const policy of sidecars) {
    const sidecarField = 'spec.workloadSelector.labels';
    yield* empty(policy, { field: sidecarField, among: facts.workloadsIn(policy.namespace), so: 'no proxy obeys it' });
  }
  for (const policy of envoyFilters) {
    const among = policy.namespace === rootNamespace ? facts.allWorkloads : facts.workloadsIn(policy.namespace);
    yield* empty(policy, { field: 'spec.workloadSelector.labels', among, so: 'nothing is patched by it' });
  }
  for (const policy of gateways) {
    // Gateways are served by workloads of any namespace.
    yield* empty(policy, { field: 'spec.selector', among: facts.allWorkloads, so: 'nothing listens for its servers' });
  }
  for (const rule of facts.destinationRules) {
    if (rule.workloadSelector === undefined) continue;
    yield* empty(
      { ...rule, selector: rule.workloadSelector },
      {
        field: 'spec.workloadSelector.matchLabels',
        among: facts.workloadsIn(rule.namespace),
        so: 'no client obeys it',
      },
    );
  }
}

function* empty(
  policy: SelectingPolicy,
  { field, among, so }: { readonly field: string; readonly among: readonly Workload[]; readonly so: string },
): Generator<Problem> {
  const pairs = Object.entries(policy.selector).map(([name, value]) => `${name}=${value}`);
  const { targetGateways = [] } = policy;
  if (pairs.length + targetGateways.length === 0 || among.length === 0) return;
  const isFor = ({ identity, labels }: Workload): boolean =>
    policySelects(policy, { namespace: identity.namespace, labels });
  if (among.some(isFor)) return;
  const isTargeting = targetGateways.length > 0;
  yield finding(policy, {
    code: 'selects-nothing',
    field: isTargeting ? 'spec.targetRefs' : field,
    what: isTargeting
      ? `No workload of namespace ${policy.namespace} is a pod of Gateway ${targetGateways.join(' or ')}`
      : `No workload that this could be for has ${pairs.join(', ')}`,
    so,
    remedy: isTargeting ? 'correct the name, or remove the object' : 'correct the labels, or remove the object',
  });
}
