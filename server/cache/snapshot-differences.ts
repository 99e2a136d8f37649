// The difference between two snapshots, computed once for all streams that go from the one to the other.

import type { ResourceName } from './encoded-resource.ts';
import { changedNames, type TypeSnapshot } from './type-snapshot.ts';

/** Forgets a difference with its snapshots. */
export class SnapshotDifferences {
  readonly #known = new WeakMap<TypeSnapshot, WeakMap<TypeSnapshot, ReadonlySet<ResourceName>>>();

  /** As `changedNames`. */
  between(before: TypeSnapshot, after: TypeSnapshot): ReadonlySet<ResourceName> {
    const fromBefore = this.#known.get(before) ?? new WeakMap<TypeSnapshot, ReadonlySet<ResourceName>>();
    const known = fromBefore.get(after);
    if (known !== undefined) return known;
    const names = changedNames(before, after);
    this.#known.set(before, fromBefore.set(after, names));
    return names;
  }
}
