// All resources of one type that a proxy may be sent at one moment, and the difference between two such moments.

import { PersistentMap } from '../../discovery/model/persistent-map.ts';
import type { EncodedResource, ResourceName } from './encoded-resource.ts';

/** Resources by name. Sets of one proxy never share a name: each part has one maker (outbound, inbound). */
export type ResourceSet = PersistentMap<ResourceName, EncodedResource>;

export const emptyResourceSet: ResourceSet = PersistentMap.empty<ResourceName, EncodedResource>();

/**
 * Immutable. A snapshot is a short list of sets that other proxies share: the part that all sidecars of a class see is
 * the same object in each of their snapshots.
 */
export interface TypeSnapshot {
  readonly parts: readonly ResourceSet[];
}

export const emptyTypeSnapshot: TypeSnapshot = Object.freeze({ parts: [] });

/** The resource of that name, or undefined. */
export function lookUp(snapshot: TypeSnapshot, name: ResourceName): EncodedResource | undefined {
  for (const part of snapshot.parts) {
    const found = part.get(name);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Number of resources. */
export function sizeOf(snapshot: TypeSnapshot): number {
  return snapshot.parts.reduce((sum, part) => sum + part.size, 0);
}

/** Every resource, part by part, in no order. */
export function* resourcesOf(snapshot: TypeSnapshot): Generator<EncodedResource> {
  for (const part of snapshot.parts) yield* part.values();
}

/** The name of every resource, part by part, in no order. */
export function* namesOf(snapshot: TypeSnapshot): Generator<ResourceName> {
  for (const resource of resourcesOf(snapshot)) yield resource.name;
}

/** Names whose version differs between the two, or that only one of them has; in no order, each once. */
export function changedNames(before: TypeSnapshot, after: TypeSnapshot): ReadonlySet<ResourceName> {
  const changed = new Set<ResourceName>();
  if (before === after) return changed;
  const parts = Math.max(before.parts.length, after.parts.length);
  for (let index = 0; index < parts; index += 1) {
    const then = before.parts[index] ?? emptyResourceSet;
    const now = after.parts[index] ?? emptyResourceSet;
    if (then === now) continue;
    for (const name of now.changedSince(then)) {
      if (lookUp(before, name)?.version !== lookUp(after, name)?.version) changed.add(name);
    }
  }
  return changed;
}
