// Secrets of a primary that is a directory. They are objects that its source holds anyway, so a reference to each is kept here
// and the certificate in it is looked at only when a gateway needs it.

import type { KubernetesObject } from '../../discovery/model/kubernetes-object.ts';
import { objectKey, type ObjectKey } from '../../discovery/model/names.ts';
import type { Source, SourceEvent } from '../../discovery/model/source-event.ts';
import { keyOf } from '../../discovery/model/kubernetes-object.ts';
import type { SecretFeed, SecretRef, ToldSecret } from './secret-feed.ts';

type Listener = (told: ToldSecret) => void;

export class DirectorySecrets implements SecretFeed {
  readonly #secrets = new Map<ObjectKey, KubernetesObject>();
  readonly #listeners = new Map<ObjectKey, Set<Listener>>();
  #isSynced = false;

  /** The same source; what it tells of Secrets is heard here, before it is delivered. */
  hearing(source: Source): Source {
    return {
      description: source.description,
      scope: source.scope,
      run: (deliver, signal) =>
        source.run((batch) => {
          for (const event of batch) this.#hear(event);
          deliver(batch);
        }, signal),
    };
  }

  follow({ namespace, name }: SecretRef, listener: Listener): () => void {
    const key = objectKey('Secret', namespace, name);
    const listeners = this.#listeners.get(key) ?? new Set<Listener>();
    this.#listeners.set(key, listeners.add(listener));
    if (this.#isSynced) listener(this.#told(key));
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0) this.#listeners.delete(key);
    };
  }

  close(): Promise<void> {
    this.#listeners.clear();
    return Promise.resolve();
  }

  #hear(event: SourceEvent): void {
    if (event.kind === 'synced') {
      this.#isSynced = true;
      for (const key of this.#listeners.keys()) this.#tell(key);
    } else if (event.kind === 'changed' && event.object.kind === 'Secret') {
      this.#secrets.set(keyOf(event.object), event.object);
      this.#tell(keyOf(event.object));
    } else if (event.kind === 'deleted' && this.#secrets.delete(event.key)) {
      this.#tell(event.key);
    }
  }

  #tell(key: ObjectKey): void {
    if (!this.#isSynced) return;
    for (const listener of this.#listeners.get(key) ?? []) listener(this.#told(key));
  }

  #told(key: ObjectKey): ToldSecret {
    const object = this.#secrets.get(key);
    return object === undefined ? { kind: 'absent' } : { kind: 'there', object };
  }
}
