// One object that somebody is about to write, judged as the instance would when it is told of it. In: the object as it came, and the
// mesh that it would be in. Out: what refuses it (errors), and what would be wrong between it and the others (warnings).

import { ClusterIndex } from '../registry/cluster-index.ts';
import { foldObject, type FoldContext } from '../registry/fold-object.ts';
import { updatePolicyIndex } from '../mesh/policy-index.ts';
import { keyOf } from '../model/kubernetes-object.ts';
import type { MeshSnapshot } from '../model/mesh-snapshot.ts';
import type { ObjectKey } from '../model/names.ts';
import type { Policy } from '../model/policy.ts';
import type { Problem } from '../model/problem.ts';
import { parseObject } from '../source/object-schema.ts';
import { analyze } from './analyze.ts';

export interface CheckContext extends FoldContext {
  readonly mesh: MeshSnapshot;
  /** The policy in force under a key. */
  readonly policyOf: (key: ObjectKey) => Policy | undefined;
}

export function checkObject(value: unknown, context: CheckContext): readonly Problem[] {
  const object = parseObject(value, 'primary');
  if (object === undefined) return [];
  if (isProblems(object)) return object;
  const index = new ClusterIndex();
  const own = foldObject(index, object, context);
  const key = keyOf(object);
  const policy = index.policies.get(key);
  if (policy === undefined || own.some(({ severity }) => severity === 'error')) return own;
  const { mesh, policyOf } = context;
  const policies = updatePolicyIndex(mesh.policies, [{ key, before: policyOf(key), after: policy }]);
  const between = analyze({ ...mesh, policies }).filter((problem) => problem.object === key);
  return [...own, ...between];
}

function isProblems(value: object): value is readonly Problem[] {
  return Array.isArray(value);
}
