// WorkloadEntries of machines in the primary's API server.

import { KubeError } from '../../discovery/source/kube/kube-error.ts';
import type { ObjectPlace, StoredObject } from '../kube/kube-object.ts';
import type { PrimaryClient } from '../kube/primary-client.ts';
import type { EntryRef, EntryStore } from './entry-store.ts';
import type { Fields } from './machine-entry.ts';

export function kubeEntries(client: PrimaryClient): EntryStore {
  return {
    get: async (ref, signal) => fields(await client.get(placeOf(ref), ref.name, signal)),
    create: async (ref, object, signal) => fields(await client.create(placeOf(ref), object, signal)),
    replace: async (ref, object, signal) => fields(await client.replace(placeOf(ref), object, signal)),
    replaceStatus: async (ref, object, signal) => fields(await client.replaceStatus(placeOf(ref), object, signal)),
    remove: async (ref, resourceVersion, signal) => {
      const error = await client.remove(placeOf(ref), { name: ref.name, resourceVersion }, signal);
      return error?.code === 'absent' ? undefined : error;
    },
  };
}

function placeOf({ apiVersion, namespace }: EntryRef): ObjectPlace {
  return { apiVersion, plural: 'workloadentries', namespace };
}

function fields(answer: StoredObject | KubeError): Fields | KubeError {
  return answer instanceof KubeError ? answer : answer.fields;
}
