// ConfigMap `istio-ca-root-cert` with the roots of the mesh, which Istio's pods mount: which ones are to be written, so that every
// namespace has it. Pure. Those that are as they should be are left alone.

import { objectKey } from '../../discovery/model/names.ts';
import type { KubernetesObject } from '../../discovery/model/kubernetes-object.ts';
import type { Wanted } from './keep-applied.ts';
import { fieldOf } from './kube-object.ts';

export const rootConfigMap = 'istio-ca-root-cert';

const key = 'root-cert.pem';
const labels = Object.freeze({ 'istio.io/config': 'true' });
/** Istio leaves these out as well; `kube-system` is served, because node agents of a mesh live there. */
const ignoredNamespaces: ReadonlySet<string> = new Set(['kube-public', 'kube-node-lease', 'local-path-storage']);

/** @param objects Namespaces and ConfigMaps of this name. */
export function dueRootConfigMaps(objects: ReadonlyMap<string, KubernetesObject>, rootsPem: string): readonly Wanted[] {
  const due: Wanted[] = [];
  for (const { kind, metadata } of objects.values()) {
    if (kind !== 'Namespace' || metadata.deleting === true || ignoredNamespaces.has(metadata.name)) continue;
    const namespace = metadata.name;
    const found = objects.get(objectKey('ConfigMap', namespace, rootConfigMap));
    if (found !== undefined && isGood(found, rootsPem)) continue;
    due.push({
      place: { apiVersion: 'v1', plural: 'configmaps', namespace },
      object: {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: rootConfigMap, namespace, labels },
        data: { [key]: rootsPem },
      },
    });
  }
  return due;
}

function isGood({ metadata, body }: KubernetesObject, rootsPem: string): boolean {
  const hasLabels = Object.entries(labels).every(([label, value]) => metadata.labels[label] === value);
  return hasLabels && fieldOf(body, 'data', key) === rootsPem;
}
