// The secrets of this moment and who wants to hear of the next. In: snapshots of the agent's own, whole, and those of files. Out: the current one, and a call for every change.

import type { EncodedSecret, SecretSnapshot } from './secret-snapshot.ts';

export class SecretStore {
  #own: SecretSnapshot;
  #files = new Map<string, EncodedSecret>();
  #current: SecretSnapshot;
  #listeners = new Set<() => void>();

  constructor(initial: SecretSnapshot) {
    this.#own = initial;
    this.#current = initial;
  }

  get current(): SecretSnapshot {
    return this.#current;
  }

  /** Makes `snapshot` the current one: key and certificate change in the same moment for everyone. */
  replace(snapshot: SecretSnapshot): void {
    this.#own = snapshot;
    this.#publish();
  }

  /** The secret of files, undefined when nobody wants it any more. True when it is another than before. */
  setFile(name: string, secret: EncodedSecret | undefined): boolean {
    if (this.#files.get(name)?.version === secret?.version) return false;
    if (secret === undefined) this.#files.delete(name);
    else this.#files.set(name, secret);
    this.#publish();
    return true;
  }

  #publish(): void {
    this.#current = new Map([...this.#own, ...this.#files]);
    for (const listener of this.#listeners) listener();
  }

  /** Returns what ends it. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
