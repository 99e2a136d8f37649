// Which objects' change made a resource what it is: remembered for the last changes of policies and ServiceEntries. In: what a change
// made of a snapshot. Out: the change behind a resource. Holds no resource: what nobody serves any more is forgotten.

import type { ChangeSet } from '../../discovery/model/change-set.ts';
import type { MeshSnapshot } from '../../discovery/model/mesh-snapshot.ts';
import type { ObjectKey } from '../../discovery/model/names.ts';
import type { EncodedResource } from './encoded-resource.ts';
import { emptyResourceSet, type ResourceSet, type TypeSnapshot } from './type-snapshot.ts';

const maxCauses = 256;

/** One change. */
export interface Cause {
  /** Policies and ServiceEntries that differ since. */
  readonly objects: ReadonlySet<ObjectKey>;
}

interface Recorded extends Cause {
  readonly made: WeakSet<EncodedResource>;
}

export class ChangeCauses {
  /** The latest last. */
  readonly #causes: Recorded[] = [];
  #current: Recorded | undefined;
  /** Sets that were looked at since the change began. */
  #noted = new WeakMap<ResourceSet, WeakSet<ResourceSet>>();

  /** What is noted from now on follows from this change. */
  begin(before: MeshSnapshot, after: MeshSnapshot, change: ChangeSet): void {
    this.#noted = new WeakMap();
    const objects = new Set(change.policies);
    for (const host of change.services) {
      for (const mesh of [before, after]) {
        const entry = mesh.services.get(host)?.entry;
        for (const key of entry === undefined ? [] : [entry.source, ...(entry.mergedFrom ?? [])]) objects.add(key);
      }
    }
    this.#current = objects.size === 0 ? undefined : { objects, made: new WeakSet() };
    if (this.#current === undefined) return;
    this.#causes.push(this.#current);
    if (this.#causes.length > maxCauses) this.#causes.shift();
  }

  /** A proxy that had `before` has `after`. */
  note(before: TypeSnapshot | undefined, after: TypeSnapshot): void {
    const current = this.#current;
    if (current === undefined || before === undefined) return;
    for (const [index, now] of after.parts.entries()) this.#notePart(current, before.parts[index], now);
  }

  /** The change that made the resource what it is; undefined when it was so at first, or too long ago. */
  of(resource: EncodedResource): Cause | undefined {
    return this.#causes.findLast(({ made }) => made.has(resource));
  }

  /** Whether the last change of the object made the resource what it is. */
  isMadeBy(key: ObjectKey, resource: EncodedResource): boolean {
    return this.#causes.findLast(({ objects }) => objects.has(key))?.made.has(resource) ?? false;
  }

  /** Whether the object is among those that changed last. */
  hasChanged(key: ObjectKey): boolean {
    return this.#causes.some(({ objects }) => objects.has(key));
  }

  #notePart(current: Recorded, before: ResourceSet = emptyResourceSet, now: ResourceSet): void {
    if (before === now) return;
    const known = this.#noted.get(before) ?? new WeakSet();
    if (known.has(now)) return;
    this.#noted.set(before, known.add(now));
    for (const name of now.changedSince(before)) {
      const resource = now.get(name);
      if (resource !== undefined && before.get(name)?.version !== resource.version) current.made.add(resource);
    }
  }
}
