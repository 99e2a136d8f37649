// PeerAuthentications and Sidecars of which an older one of the same scope takes the place. In: the mesh. Out: findings.

import type { PolicyBase } from '../model/policies/policy-base.ts';
import type { Problem } from '../model/problem.ts';
import { finding } from './finding.ts';
import type { MeshFacts } from './mesh-facts.ts';

interface Selecting extends PolicyBase {
  /** Empty: the whole namespace. */
  readonly selector: Readonly<Record<string, string>>;
}

export function* shadowedPolicyFindings({ mesh }: MeshFacts): Generator<Problem> {
  yield* shadowed(mesh.policies.peerAuthentications);
  yield* shadowed(mesh.policies.sidecars);
}

/** `policies` are in order of precedence; of those for the same workloads the first holds. */
function* shadowed(policies: readonly Selecting[]): Generator<Problem> {
  const firsts = new Map<string, Selecting>();
  for (const policy of policies) {
    const selector = Object.entries(policy.selector).toSorted(([a], [b]) => (a < b ? -1 : 1));
    const scope = JSON.stringify([policy.namespace, selector]);
    const older = firsts.get(scope);
    if (older === undefined) {
      firsts.set(scope, policy);
      continue;
    }
    const where = selector.length === 0 ? `is for namespace ${policy.namespace}` : 'selects the same workloads';
    yield finding(policy, {
      code: 'shadowed-policy',
      field: 'spec',
      what: `${older.source} is older and ${where}`,
      so: 'this one is not used',
      remedy: 'remove one of them',
    });
  }
}
