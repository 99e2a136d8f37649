// WorkloadEntries of machines where the primary is a directory: in memory, and told to the registry as if its source had them. Files of
// users are never written, and what one of them declares is left as it is.

import { isMapping } from '../../discovery/convert/field-reader.ts';
import { objectKey, type ObjectKey } from '../../discovery/model/names.ts';
import { parseObject } from '../../discovery/source/object-schema.ts';
import { KubeError } from '../../discovery/source/kube/kube-error.ts';
import type { NewObject } from '../kube/kube-object.ts';
import type { EntryRef, EntryStore } from './entry-store.ts';
import type { HeardMachines } from './heard-machines.ts';
import type { Fields } from './machine-entry.ts';

export function memoryEntries(heard: Pick<HeardMachines, 'tell' | 'declares'>): EntryStore {
  const entries = new Map<ObjectKey, Fields>();
  let versions = 0;
  const put = (ref: EntryRef, object: NewObject): Fields => {
    versions += 1;
    const { namespace } = ref;
    const stored = { ...object, metadata: { ...object.metadata, namespace, resourceVersion: String(versions) } };
    entries.set(keyOf(ref), stored);
    const parsed = parseObject(stored, 'primary');
    if (parsed !== undefined && 'metadata' in parsed) heard.tell({ kind: 'changed', object: parsed });
    return stored;
  };
  const replace = (ref: EntryRef, object: NewObject): Promise<Fields | KubeError> => {
    const stored = entries.get(keyOf(ref));
    if (stored === undefined) return Promise.resolve(absent());
    return Promise.resolve(versionOf(stored) === object.metadata.resourceVersion ? put(ref, object) : conflict());
  };
  return {
    get: (ref) => {
      if (heard.declares(keyOf(ref))) return Promise.resolve({ metadata: { name: ref.name } });
      return Promise.resolve(entries.get(keyOf(ref)) ?? absent());
    },
    create: (ref, object) => Promise.resolve(entries.has(keyOf(ref)) ? conflict() : put(ref, object)),
    replace,
    replaceStatus: replace,
    remove: (ref, resourceVersion) => {
      const key = keyOf(ref);
      const stored = entries.get(key);
      if (stored === undefined) return Promise.resolve(undefined);
      if (versionOf(stored) !== resourceVersion) return Promise.resolve(conflict());
      entries.delete(key);
      if (!heard.declares(key)) heard.tell({ kind: 'deleted', key });
      return Promise.resolve(undefined);
    },
  };
}

function keyOf({ namespace, name }: EntryRef): ObjectKey {
  return objectKey('WorkloadEntry', namespace, name);
}

function versionOf(entry: Fields): unknown {
  return isMapping(entry['metadata']) ? entry['metadata']['resourceVersion'] : undefined;
}

function absent(): KubeError {
  return new KubeError('absent', 'there is no such entry');
}

function conflict(): KubeError {
  return new KubeError('conflict', 'the entry is another one by now');
}
