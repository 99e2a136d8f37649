// A set of objects as an instance would see them if they were all that its primary has. In: objects, and what holds where no ConfigMap
// `istio` is among them. Out: what each converter says, and what shows between them, each with the line of the field where it is known.

import { ClusterRegistry } from '../registry/cluster-registry.ts';
import { MeshStore } from '../mesh/mesh-store.ts';
import { keyOf, type KubernetesObject } from '../model/kubernetes-object.ts';
import type { MeshSettings } from '../model/mesh-config.ts';
import { clusterId, networkId, type ObjectKey } from '../model/names.ts';
import type { Problem } from '../model/problem.ts';
import { analyze } from './analyze.ts';

export function checkObjects(objects: readonly KubernetesObject[], settings: MeshSettings): readonly Problem[] {
  const primary = clusterId('primary');
  const { config, meshNetworks } = settings;
  const registry = new ClusterRegistry({
    clusterId: primary,
    mode: 'primary',
    source: { description: 'objects', scope: 'primary', run: () => Promise.resolve() },
    network: networkId(''),
    config,
    meshNetworks,
    now: () => 0,
  });
  registry.fold([
    { kind: 'connected' },
    ...objects.map((object) => ({ kind: 'changed' as const, object })),
    { kind: 'synced' },
  ]);
  const declared = registry.snapshot.meshSettings ?? settings;
  const store = new MeshStore({ primary, ...declared, schedule: () => undefined });
  try {
    store.add(registry);
    store.flush();
    const between = [...analyze(store.snapshot), ...store.serviceEntryFindings()];
    const lines = new Map(objects.map((object) => [keyOf(object), object]));
    return [...registry.status().problems, ...between.map((problem) => withLine(problem, lines))];
  } finally {
    store.close();
  }
}

/** Policies know where they were read, and only the object the line of each field. */
function withLine(problem: Problem, objects: ReadonlyMap<ObjectKey, KubernetesObject>): Problem {
  const object = problem.object === undefined ? undefined : objects.get(problem.object);
  if (object?.origin === undefined) return problem;
  const { place, line: start } = object.origin;
  const line = object.lineOf?.(problem.field ?? '') ?? start;
  return { ...problem, origin: line === undefined ? { place } : { place, line } };
}
