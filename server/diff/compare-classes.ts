// Every class of connected proxies as it is served, against what it would be served with another primary. In: the instance, and its
// primary as it would be. Out: what differs, class by class. Works on copies, with pauses; nothing in force is touched.

import type { MeshPreview } from '../../discovery/mesh/mesh-store.ts';
import type { MeshSnapshot } from '../../discovery/model/mesh-snapshot.ts';
import type { ClusterPreview } from '../../discovery/registry/cluster-preview.ts';
import { previewClass, previewContext, type ClassChange, type PreviewContext } from '../cache/preview-class.ts';
import type { ResourceCache } from '../cache/resource-cache.ts';
import type { ViewFindings } from '../cache/view-findings.ts';
import { nameOf } from './collect-changes.ts';

export interface DiffInstance {
  readonly cache: ResourceCache;
  /** The primary, as it would be with other objects. */
  readonly previewCluster: () => ClusterPreview;
  /** The mesh with that primary. */
  readonly previewMesh: (cluster: ClusterPreview) => MeshPreview;
}

export interface CompareOptions {
  /** `NAME.NAMESPACE`: no others are looked at. */
  readonly proxy?: string | undefined;
  /** Is told of the views that there would be. */
  readonly findings?: ViewFindings | undefined;
  readonly take: (change: ClassChange) => Generator<undefined>;
}

export interface Compared {
  /** Proxies that were looked at. */
  readonly connectedCount: number;
  readonly preview: MeshPreview;
}

export function* comparing(
  instance: DiffInstance,
  cluster: ClusterPreview,
  { proxy, take, findings }: CompareOptions,
): Generator<undefined, Compared> {
  const current = following(instance, cluster);
  let connectedCount = 0;
  for (const key of instance.cache.classKeys()) {
    const context = current();
    const served = instance.cache.servedClass(key);
    if (served === undefined) continue;
    const asked = served.members.filter((member) => proxy === undefined || nameOf(member.proxy) === proxy);
    connectedCount += asked.length;
    if (asked.length === 0) continue;
    for (const change of yield* previewClass({ ...served, members: asked }, context, findings)) {
      yield* take(change);
    }
    yield;
  }
  return { connectedCount, preview: current().preview };
}

/** The two states to compare; worked out again when the instance has gone on meanwhile. */
function following({ cache, previewMesh }: DiffInstance, cluster: ClusterPreview): () => PreviewContext {
  let made: { readonly mesh: MeshSnapshot; readonly context: PreviewContext } | undefined;
  return () => {
    if (made?.mesh === cache.mesh) return made.context;
    const preview = previewMesh(cluster);
    made = { mesh: cache.mesh, context: previewContext(preview, cache.index) };
    return made.context;
  };
}
