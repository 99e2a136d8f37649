// Which objects of a cluster may be kept on disk, and what of them. In: an object as a source tells it. Out: one line of JSON
// with only what is read of it, and back. Nothing that authenticates anybody is ever in such a line.

import { isMapping } from '../../convert/field-reader.ts';
import { kindOf, type KubernetesObject } from '../../model/kubernetes-object.ts';
import type { Interner } from '../kube/intern.ts';
import { trimObject } from '../kube/trim-object.ts';

/** ConfigMaps that are read; any other may hold whatever its owner likes. */
const memorableConfigMaps: ReadonlySet<string> = new Set(['istio-ca-root-cert', 'istio']);
/** Secrets hold credentials; ServiceAccounts are not looked at. */
const forgottenKinds: ReadonlySet<string> = new Set(['Secret', 'ServiceAccount']);
/** A copy of the whole object as it was applied, with all that trimming takes out. */
const appliedCopy = 'kubectl.kubernetes.io/last-applied-configuration';

/** Undefined for what must not be kept. Equal content gives equal lines. */
export function lineOfObject(object: KubernetesObject, interner: Interner): string | undefined {
  const { apiVersion, kind, origin } = object;
  if (forgottenKinds.has(kind)) return undefined;
  if (kind === 'ConfigMap' && !memorableConfigMaps.has(object.metadata.name)) return undefined;
  const { resourceVersion: _version, annotations, ...metadata } = object.metadata;
  const { [appliedCopy]: _applied, ...kept } = annotations;
  // A Pod read from a file still has its environment variables, which may be secrets.
  const {
    metadata: _metadata,
    apiVersion: _api,
    kind: _kind,
    ...body
  } = trimObject(kindOf(object), object.body, interner);
  return JSON.stringify({ apiVersion, kind, metadata: { ...metadata, annotations: kept }, body, origin });
}

/** Undefined when the line is not one that `lineOfObject` wrote. */
export function objectOfLine(line: string): KubernetesObject | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (!isMapping(value) || typeof value['kind'] !== 'string' || typeof value['apiVersion'] !== 'string')
    return undefined;
  const { metadata, body } = value;
  if (!isMapping(metadata) || !isMapping(body)) return undefined;
  const isWhole =
    typeof metadata['name'] === 'string' &&
    typeof metadata['namespace'] === 'string' &&
    typeof metadata['createdAtMs'] === 'number' &&
    isMapping(metadata['labels']) &&
    isMapping(metadata['annotations']);
  return isWhole ? (value as unknown as KubernetesObject) : undefined;
}
