// Which of several edited objects makes a resource differ. In: the objects, and the resources that all of them together change. Out: for
// each resource the objects that change it alone, too. Bounded in objects and time: beyond it nothing is said.

import type { ObjectKey } from '../../discovery/model/names.ts';
import type { ClusterPreview } from '../../discovery/registry/cluster-preview.ts';
import type { ClassChange } from '../cache/preview-class.ts';
import { nameOf, type CollectedResource } from './collect-changes.ts';
import { comparing, type DiffInstance } from './compare-classes.ts';

/** What each object that may change something does to the cluster. */
export type AppliedEdits = ReadonlyMap<ObjectKey, (cluster: ClusterPreview) => void>;

export type Causes = ReadonlyMap<CollectedResource, readonly ObjectKey[]>;

export interface CauseLimits {
  readonly objects: number;
  readonly ms: number;
}

const defaultLimits: CauseLimits = { objects: 10, ms: 10_000 };

interface Found {
  /** They make of it alone what all make of it. */
  readonly whole: Set<ObjectKey>;
  /** They make something else of it. */
  readonly part: Set<ObjectKey>;
}

export interface CauseQuestion {
  readonly edits: AppliedEdits;
  readonly resources: readonly CollectedResource[];
  readonly proxy?: string | undefined;
}

/** Resources of which it is not known are not among them. */
export function* findingCauses(
  { edits, resources, proxy }: CauseQuestion,
  instance: DiffInstance,
  limits: CauseLimits = defaultLimits,
): Generator<undefined, Causes> {
  const [only] = edits.keys();
  if (only === undefined || resources.length === 0) return new Map();
  if (edits.size === 1) return new Map(resources.map((resource) => [resource, [only]]));
  if (edits.size > limits.objects) return new Map();
  const endsMs = performance.now() + limits.ms;
  const found = new Map<CollectedResource, Found>(
    resources.map((resource) => [resource, { whole: new Set(), part: new Set() }]),
  );
  const byName = Map.groupBy(resources, ({ typeUrl, name }) => `${typeUrl} ${name}`);
  for (const [object, apply] of edits) {
    const cluster = instance.previewCluster();
    apply(cluster);
    const take = function* (change: ClassChange): Generator<undefined> {
      yield* note(object, change, (name) => byName.get(name) ?? [], found);
    };
    const steps = comparing(instance, cluster, { proxy, take });
    while (steps.next().done !== true) {
      if (performance.now() > endsMs) return new Map();
      yield;
    }
  }
  return new Map(
    [...found].flatMap(([resource, one]) => {
      const causes = causesOf(resource, one, edits);
      return causes.length === 0 ? [] : [[resource, causes]];
    }),
  );
}

function* note(
  object: ObjectKey,
  { proxies, resources }: ClassChange,
  named: (name: string) => readonly CollectedResource[],
  found: ReadonlyMap<CollectedResource, Found>,
): Generator<undefined> {
  const names = proxies.map(nameOf);
  for (const { before, after } of resources) {
    const { typeUrl = '', name = '' } = after ?? before ?? {};
    for (const resource of named(`${typeUrl} ${name}`)) {
      if (!names.some((proxy) => resource.proxies.has(proxy))) continue;
      found.get(resource)?.[after?.version === resource.after?.version ? 'whole' : 'part'].add(object);
    }
    yield;
  }
}

/** What none makes alone is also the work of those it is made from: a subset of a new service's rule is nothing without the service. */
function causesOf({ before, after }: CollectedResource, { whole, part }: Found, edits: AppliedEdits): ObjectKey[] {
  if (whole.size > 0) return [...whole].toSorted();
  const sources = [...(before?.sources ?? []), ...(after?.sources ?? [])].filter((source) => edits.has(source));
  return [...part.union(new Set(sources))].toSorted();
}
