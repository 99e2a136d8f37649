// What a pod belongs to, as metrics and access logs name it. In: the pod's metadata. Out: the name and kind of the Deployment, Job or
// other owner: a ReplicaSet's Deployment, a Job's CronJob; a pod without an owner is its own.

import { label } from '../../discovery/convert/well-known.ts';
import { mappingAt, mappingsAt, scalarAt, textsAt, type Mapping } from './json-value.ts';

export interface WorkloadOwner {
  /** Empty for a pod that has no name yet and no owner. */
  readonly name: string;
  readonly kind: string;
  readonly apiVersion: string;
}

export function workloadOwner(pod: Mapping): WorkloadOwner {
  const metadata = mappingAt(pod, 'metadata');
  const owners = mappingsAt(metadata, 'ownerReferences');
  const owner = owners.find((each) => each['controller'] === true);
  if (owner === undefined) return { name: ownName(metadata), kind: 'Pod', apiVersion: 'v1' };
  const name = scalarAt(owner, 'name') ?? '';
  const kind = scalarAt(owner, 'kind') ?? '';
  const apiVersion = scalarAt(owner, 'apiVersion') ?? '';
  const hash = textsAt(metadata, 'labels')[label.podTemplateHash];
  if (kind === 'ReplicaSet' && hash !== undefined && name.endsWith(`-${hash}`)) {
    return { name: name.slice(0, -hash.length - 1), kind: 'Deployment', apiVersion };
  }
  // A CronJob names its Jobs by the minute (or, long ago, the second) that they are for.
  const [, cronJob] = /^(.+)-\d{8,10}$/.exec(name) ?? [];
  if (kind === 'Job' && cronJob !== undefined) return { name: cronJob, kind: 'CronJob', apiVersion };
  return { name, kind, apiVersion };
}

function ownName(metadata: Mapping): string {
  return scalarAt(metadata, 'name') || (scalarAt(metadata, 'generateName') ?? '').replace(/-$/, '');
}
