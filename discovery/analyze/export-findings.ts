// Namespaces in `exportTo` in which nothing is. In: the mesh. Out: findings.

import type { PolicyBase } from '../model/policies/policy-base.ts';
import { objectKey } from '../model/names.ts';
import type { Problem } from '../model/problem.ts';
import { finding } from './finding.ts';
import type { MeshFacts } from './mesh-facts.ts';

export function* exportFindings(facts: MeshFacts): Generator<Problem> {
  for (const policy of [...facts.virtualServices, ...facts.destinationRules]) {
    yield* unknownNamespaces(facts, policy, 'spec.exportTo');
  }
  for (const service of facts.mesh.services.values()) {
    const { name, namespace, entry, exportTo } = service;
    const source = entry?.source ?? objectKey('Service', namespace, name);
    const field = entry === undefined ? 'metadata.annotations["networking.istio.io/exportTo"]' : 'spec.exportTo';
    yield* unknownNamespaces(facts, { source, exportTo }, field);
  }
}

function* unknownNamespaces(
  { namespaces }: MeshFacts,
  subject: Pick<PolicyBase, 'source' | 'origin' | 'exportTo'>,
  field: string,
): Generator<Problem> {
  for (const name of subject.exportTo) {
    if (name === '*' || name === '.' || name === '~' || namespaces.has(name)) continue;
    yield finding(subject, {
      code: 'unknown-namespace',
      field,
      what: `Nothing of the mesh is in namespace ${name}`,
      so: 'exporting to it has no effect',
      remedy: 'correct the name, or remove it',
    });
  }
}
