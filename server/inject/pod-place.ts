// Where an object has its pod, and what that pod will be like: a Deployment's pods belong to it, a CronJob's to it by a Job. In: an object.
// Out: the template, the pod that is made of it with its owner, and the way back; undefined for kinds without pods.

import { isMapping } from '../../discovery/convert/field-reader.ts';
import { mappingAt, scalarAt, type Mapping } from './json-value.ts';

export interface PodPlace {
  /** From the object. */
  readonly path: readonly string[];
  readonly template: Mapping;
  readonly pod: Mapping;
  /** An injected pod as a template again. */
  readonly restore: (pod: Mapping) => Mapping;
}

const paths: Readonly<Record<string, readonly string[]>> = {
  Pod: [],
  Deployment: ['spec', 'template'],
  StatefulSet: ['spec', 'template'],
  DaemonSet: ['spec', 'template'],
  ReplicaSet: ['spec', 'template'],
  ReplicationController: ['spec', 'template'],
  Job: ['spec', 'template'],
  CronJob: ['spec', 'jobTemplate', 'spec', 'template'],
};

export function podPlace(object: Mapping): PodPlace | undefined {
  const kind = scalarAt(object, 'kind') ?? '';
  const path = Object.hasOwn(paths, kind) ? paths[kind] : undefined;
  if (path === undefined) return undefined;
  const template = mappingAt(object, ...path);
  if (path.length === 0) return { path, template, pod: template, restore: (pod) => pod };
  const metadata = mappingAt(template, 'metadata');
  const name = scalarAt(object, 'metadata', 'name') ?? '';
  const owner = { apiVersion: scalarAt(object, 'apiVersion') ?? '', kind, name, controller: true };
  const pod = { ...template, metadata: { ...metadata, generateName: `${name}-`, ownerReferences: [owner] } };
  return {
    path,
    template,
    pod,
    restore: (injected) => {
      const { generateName: _name, ownerReferences: _owners, ...rest } = mappingAt(injected, 'metadata');
      const added = { ...metadata, ...rest };
      return {
        ...injected,
        ...(isMapping(template['metadata']) || Object.keys(added).length > 0 ? { metadata: added } : {}),
      };
    },
  };
}
