// The views in use by key, each with its resources: used ones are kept current, idle ones catch up when wanted again.

import { LRUCache } from 'lru-cache';
import type { ChangeSet } from '../../discovery/model/change-set.ts';
import type { MeshSnapshot } from '../../discovery/model/mesh-snapshot.ts';
import { MissedChanges } from './missed-changes.ts';
import type { ResourceSet } from './type-snapshot.ts';

/** Views that nobody uses are kept for proxies that come back; the least recently used go first. */
const maxIdleViews = 64;

/** A view's resources. `update` returns the types that differ. */
export interface ViewResources {
  set(typeUrl: string): ResourceSet;
  update(mesh: MeshSnapshot, change: ChangeSet): ReadonlySet<string>;
}

interface Held<T> {
  readonly resources: T;
  users: number;
  /** Changes that it has not seen: none while it is used. */
  missed: MissedChanges;
}

export class ViewStore<Scope, T extends ViewResources> {
  readonly #make: (scope: Scope, mesh: MeshSnapshot) => T;
  readonly #used = new Map<string, Held<T>>();
  readonly #idle = new LRUCache<string, Held<T>>({ max: maxIdleViews });

  constructor(make: (scope: Scope, mesh: MeshSnapshot) => T) {
    this.#make = make;
  }

  /** The view's resources, current; each `acquire` is paired with a `release`. */
  acquire(key: string, scope: Scope, mesh: MeshSnapshot): T {
    let held = this.#used.get(key);
    if (held === undefined) {
      held = this.#wake(key, mesh) ?? { resources: this.#make(scope, mesh), users: 0, missed: new MissedChanges() };
      this.#used.set(key, held);
    }
    held.users += 1;
    return held.resources;
  }

  release(key: string): void {
    const held = this.#used.get(key);
    if (held === undefined) return;
    held.users -= 1;
    if (held.users > 0) return;
    this.#used.delete(key);
    this.#idle.set(key, held);
  }

  /** The types that differ, for each used view that has any. */
  update(mesh: MeshSnapshot, change: ChangeSet): ReadonlyMap<T, ReadonlySet<string>> {
    for (const held of this.#idle.values()) held.missed.add(change);
    const changed = new Map<T, ReadonlySet<string>>();
    for (const held of this.#used.values()) {
      const types = held.resources.update(mesh, change);
      if (types.size > 0) changed.set(held.resources, types);
    }
    return changed;
  }

  #wake(key: string, mesh: MeshSnapshot): Held<T> | undefined {
    const held = this.#idle.get(key);
    if (held === undefined) return undefined;
    this.#idle.delete(key);
    held.resources.update(mesh, held.missed);
    held.missed = new MissedChanges();
    return held;
  }
}
