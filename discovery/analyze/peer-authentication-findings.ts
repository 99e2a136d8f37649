// PeerAuthentications of which an older one of the same scope takes the place. In: the mesh. Out: findings.

import type { PeerAuthenticationPolicy } from '../model/policy.ts';
import type { Problem } from '../model/problem.ts';
import { finding } from './finding.ts';
import type { MeshFacts } from './mesh-facts.ts';

export function* peerAuthenticationFindings({ mesh }: MeshFacts): Generator<Problem> {
  const firsts = new Map<string, PeerAuthenticationPolicy>();
  for (const policy of mesh.policies.peerAuthentications) {
    const selector = Object.entries(policy.selector).toSorted(([a], [b]) => (a < b ? -1 : 1));
    const scope = JSON.stringify([policy.namespace, selector]);
    const older = firsts.get(scope);
    if (older === undefined) {
      firsts.set(scope, policy);
      continue;
    }
    const where = selector.length === 0 ? `for namespace ${policy.namespace}` : 'with the same selector';
    yield finding(policy, {
      code: 'shadowed-policy',
      field: 'spec',
      what: `${older.source} is older and ${where} as well`,
      so: 'this one is not used',
      remedy: 'remove one of them',
    });
  }
}
