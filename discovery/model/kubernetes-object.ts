// A Kubernetes object as a source hands it on: metadata checked, the rest unread.

import { groupOf, kindName, objectKey, type ObjectKey } from './names.ts';
import type { Origin } from './problem.ts';

/** Metadata that Isthmus reads. */
export interface ObjectMeta {
  readonly name: string;
  /** Empty for cluster-scoped kinds. */
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** Milliseconds since the epoch; 0 when unknown. Older objects win conflicts. */
  readonly createdAtMs: number;
  readonly generation?: number | undefined;
  readonly uid?: string | undefined;
  readonly resourceVersion?: string | undefined;
  readonly deleting?: boolean | undefined;
  readonly ownerReferences?: readonly OwnerReference[] | undefined;
}

export interface OwnerReference {
  readonly kind: string;
  readonly name: string;
  readonly controller: boolean;
}

/** One object. `spec`, `status` and the kind's other top-level fields (`subsets`, `endpoints`, `data` …) are under `body`. */
export interface KubernetesObject {
  /** `GROUP/VERSION`, or `v1` for the core group. */
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly body: Readonly<Record<string, unknown>>;
  readonly origin?: Origin | undefined;
  /** 1-based line of a field (`spec.ports[0].port`), or of its nearest parent; only sources that read text know it. */
  readonly lineOf?: ((field: string) => number | undefined) | undefined;
}

/** The kind of an object as its key has it. */
export function kindOf({ apiVersion, kind }: Pick<KubernetesObject, 'apiVersion' | 'kind'>): string {
  return kindName(groupOf(apiVersion), kind);
}

/** The key of an object: kind, namespace, name. */
export function keyOf(object: KubernetesObject): ObjectKey {
  return objectKey(kindOf(object), object.metadata.namespace, object.metadata.name);
}
