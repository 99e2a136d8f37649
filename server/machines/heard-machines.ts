// What the primary tells of machines: WorkloadGroups that are valid, and the entries that were made by registration. In: the source of
// the primary, which is listened to on its way to the registry. Out: lookups, and a call for each change.

import { convertWorkloadGroup, type WorkloadGroup } from '../../discovery/convert/workload-group.ts';
import { keyOf, kindOf, type KubernetesObject } from '../../discovery/model/kubernetes-object.ts';
import { objectKey, parseObjectKey, type ObjectKey } from '../../discovery/model/names.ts';
import type { Source, SourceBatch, SourceEvent } from '../../discovery/model/source-event.ts';
import type { EntryRef } from './entry-store.ts';
import { groupOfEntry, type Fields } from './machine-entry.ts';

/** An entry as it was last heard of; of its fields only the metadata. */
export interface HeardEntry {
  readonly ref: EntryRef;
  readonly fields: Fields;
  readonly resourceVersion: string;
}

export interface HeardChange {
  readonly kind: 'group' | 'entry';
  readonly namespace: string;
  readonly name: string;
}

export class HeardMachines {
  readonly #groups = new Map<ObjectKey, WorkloadGroup>();
  readonly #entries = new Map<ObjectKey, HeardEntry>();
  readonly #listeners = new Set<(change: HeardChange) => void>();
  /** WorkloadEntries that the source itself has. */
  readonly #declared = new Set<ObjectKey>();
  #deliver: ((batch: SourceBatch) => void) | undefined;

  /** The same source; `tell` adds to it. */
  hearing(source: Source): Source {
    return {
      description: source.description,
      scope: source.scope,
      run: async (deliver, signal) => {
        this.#deliver = deliver;
        try {
          await source.run((batch) => {
            deliver(batch);
            for (const event of batch) {
              this.#note(event);
              this.#hear(event);
            }
          }, signal);
        } finally {
          this.#deliver = undefined;
        }
      },
    };
  }

  /** Tells the registry of something that the source does not have. */
  tell(event: SourceEvent): void {
    this.#deliver?.([event]);
    this.#hear(event);
  }

  /** Whether the source itself has such a WorkloadEntry. */
  declares(key: ObjectKey): boolean {
    return this.#declared.has(key);
  }

  group(namespace: string, name: string): WorkloadGroup | undefined {
    return this.#groups.get(objectKey('WorkloadGroup', namespace, name));
  }

  entry(namespace: string, name: string): HeardEntry | undefined {
    return this.#entries.get(objectKey('WorkloadEntry', namespace, name));
  }

  entries(): Iterable<HeardEntry> {
    return this.#entries.values();
  }

  /** Returns the function that ends the subscription. */
  onChange(listener: (change: HeardChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #note(event: SourceEvent): void {
    if (event.kind === 'deleted') this.#declared.delete(event.key);
    if (event.kind !== 'changed' || kindOf(event.object) !== 'WorkloadEntry') return;
    this.#declared.add(keyOf(event.object));
  }

  #hear(event: SourceEvent): void {
    if (event.kind === 'changed') this.#take(event.object);
    if (event.kind === 'deleted') this.#drop(event.key);
  }

  #take(object: KubernetesObject): void {
    const key = keyOf(object);
    const kind = kindOf(object);
    if (kind === 'WorkloadGroup') {
      const { value } = convertWorkloadGroup(object);
      // What was good of it before stays.
      if (value === undefined) return;
      this.#groups.set(key, value);
      this.#changed('group', key);
    } else if (kind === 'WorkloadEntry') {
      const entry = heardEntry(object);
      if (groupOfEntry(entry.fields) === undefined) this.#drop(key);
      else {
        this.#entries.set(key, entry);
        this.#changed('entry', key);
      }
    }
  }

  #drop(key: ObjectKey): void {
    if (this.#groups.delete(key)) this.#changed('group', key);
    if (this.#entries.delete(key)) this.#changed('entry', key);
  }

  #changed(kind: HeardChange['kind'], key: ObjectKey): void {
    const { namespace, name } = parseObjectKey(key);
    for (const listener of this.#listeners) listener({ kind, namespace, name });
  }
}

function heardEntry({ apiVersion, metadata }: KubernetesObject): HeardEntry {
  const { namespace, name, annotations, resourceVersion = '' } = metadata;
  return { ref: { apiVersion, namespace, name }, fields: { metadata: { name, annotations } }, resourceVersion };
}
