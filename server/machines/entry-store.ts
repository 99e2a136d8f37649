// Where WorkloadEntries of machines are written: the primary's API server, or memory where the primary is a directory. Every failure
// is a value.

import type { KubeError } from '../../discovery/source/kube/kube-error.ts';
import type { NewObject } from '../kube/kube-object.ts';
import type { Fields } from './machine-entry.ts';

export interface EntryRef {
  readonly apiVersion: string;
  readonly namespace: string;
  readonly name: string;
}

export interface EntryStore {
  /** `absent` when there is none. */
  get(ref: EntryRef, signal: AbortSignal): Promise<Fields | KubeError>;
  /** `conflict` when there is one. */
  create(ref: EntryRef, object: NewObject, signal: AbortSignal): Promise<Fields | KubeError>;
  /** `conflict` when it is no longer at the `resourceVersion` that the object carries. */
  replace(ref: EntryRef, object: NewObject, signal: AbortSignal): Promise<Fields | KubeError>;
  /** The same of its status alone. */
  replaceStatus(ref: EntryRef, object: NewObject, signal: AbortSignal): Promise<Fields | KubeError>;
  /** `conflict` when it is at another version; undefined when it is gone. */
  remove(ref: EntryRef, resourceVersion: string, signal: AbortSignal): Promise<KubeError | undefined>;
}
