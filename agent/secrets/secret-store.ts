// The secrets of this moment and who wants to hear of the next. In: snapshots, whole. Out: the current one, and a call for every change.

import type { SecretSnapshot } from './secret-snapshot.ts';

export class SecretStore {
  #current: SecretSnapshot;
  #listeners = new Set<() => void>();

  constructor(initial: SecretSnapshot) {
    this.#current = initial;
  }

  get current(): SecretSnapshot {
    return this.#current;
  }

  /** Makes `snapshot` the current one: key and certificate change in the same moment for everyone. */
  replace(snapshot: SecretSnapshot): void {
    this.#current = snapshot;
    for (const listener of this.#listeners) listener();
  }

  /** Returns what ends it. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
