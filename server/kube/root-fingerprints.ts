// The fingerprints of the roots as an annotation of the system namespace. Instances to which this cluster is a remote may read
// namespaces and nothing of certificates: by this they learn, before any traffic, whether it trusts the same root. Pure.

import { annotation } from '../../discovery/convert/well-known.ts';
import type { KubernetesObject } from '../../discovery/model/kubernetes-object.ts';
import { objectKey } from '../../discovery/model/names.ts';
import type { Wanted } from './keep-applied.ts';

/** @param fingerprints SHA-256 of each root, lower-case hexadecimal, sorted. */
export function dueRootFingerprints(
  objects: ReadonlyMap<string, KubernetesObject>,
  systemNamespace: string,
  fingerprints: readonly string[],
): readonly Wanted[] {
  const found = objects.get(objectKey('Namespace', '', systemNamespace));
  const value = fingerprints.join(',');
  // Applying would create the namespace, which is not for an instance to do.
  if (found === undefined || found.metadata.deleting === true) return [];
  if (found.metadata.annotations[annotation.rootFingerprints] === value) return [];
  return [
    {
      place: { apiVersion: 'v1', plural: 'namespaces' },
      object: {
        apiVersion: 'v1',
        kind: 'Namespace',
        metadata: { name: systemNamespace, annotations: { [annotation.rootFingerprints]: value } },
      },
    },
  ];
}
