// Manifests of a directory, a file or a text → objects, each knowing its file and lines, and what is wrong with the files. The pods
// that a Deployment and its like would have are made up, so that selectors can be judged without a cluster.

import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { isMapping } from '../../discovery/convert/field-reader.ts';
import { label } from '../../discovery/convert/well-known.ts';
import { keyOf, type KubernetesObject } from '../../discovery/model/kubernetes-object.ts';
import type { ObjectKey } from '../../discovery/model/names.ts';
import type { Problem } from '../../discovery/model/problem.ts';
import { readTree } from '../../discovery/source/directory-tree.ts';
import { emptyFile, readObjectFile } from '../../discovery/source/object-file.ts';
import { parseObject } from '../../discovery/source/object-schema.ts';
import { readYamlDocuments } from '../../discovery/source/yaml-documents.ts';
import { mappingAt, scalarAt, textsAt, type Mapping } from '../inject/json-value.ts';
import { podPlace } from '../inject/pod-place.ts';

export interface Manifests {
  /** How many there are, those among them that can't be read or that nothing is read of. */
  readonly count: number;
  readonly objects: readonly KubernetesObject[];
  readonly problems: readonly Problem[];
}

export interface ManifestText {
  /** As findings name it. */
  readonly place: string;
  readonly bytes: Uint8Array;
}

/** The files of a directory (nested folders, YAML and JSON), or the one file. @throws the file system's error */
export async function readManifestFiles(
  target: string,
): Promise<{ readonly texts: readonly ManifestText[]; readonly problems: readonly Problem[] }> {
  const info = await stat(target);
  if (!info.isDirectory()) return { texts: [{ place: target, bytes: await readFile(target) }], problems: [] };
  const { files, problems } = await readTree(target, () => undefined);
  const texts = await Promise.all(
    files.map(async ({ place, absolute }) => ({ place: path.join(target, place), bytes: await readFile(absolute) })),
  );
  return { texts, problems };
}

/** Of two objects of one name the first holds, and the second is a finding. */
export function readManifests(texts: readonly ManifestText[]): Manifests {
  const objects = new Map<ObjectKey, KubernetesObject>();
  const problems: Problem[] = [];
  for (const { place, bytes } of texts) {
    const file = readObjectFile(place, bytes, 'primary', emptyFile);
    problems.push(...file.problems);
    for (const { key, object } of file.fresh) {
      const first = objects.get(key);
      if (first === undefined) objects.set(key, object);
      else problems.push(duplicate(key, object, first));
    }
  }
  const values = texts.flatMap(valuesIn);
  for (const pod of values.flatMap(templatesIn).flatMap(asPod)) {
    const key = keyOf(pod);
    if (!objects.has(key)) objects.set(key, pod);
  }
  return { count: values.length, objects: [...objects.values()], problems };
}

function duplicate(object: ObjectKey, { origin }: KubernetesObject, first: KubernetesObject): Problem {
  const where = `${first.origin?.place ?? ''}:${String(first.origin?.line ?? 1)}`;
  const message = `${object} is in ${where} already, and this one is not used; remove one of the two.`;
  return { severity: 'error', code: 'duplicate-object', object, origin, message };
}

/** Documents, and the items of Lists in the place of these. */
function valuesIn({ bytes }: ManifestText): readonly unknown[] {
  const { documents } = readYamlDocuments(new TextDecoder().decode(bytes));
  return documents.flatMap(({ value }) => itemsOf(value));
}

function itemsOf(value: unknown): readonly unknown[] {
  const isList = isMapping(value) && (scalarAt(value, 'kind') ?? '').endsWith('List');
  return isList && Array.isArray(value['items']) ? value['items'].flatMap(itemsOf) : [value];
}

/** Templates of pods; Pods themselves have been read. */
function templatesIn(value: unknown): readonly Mapping[] {
  if (!isMapping(value)) return [];
  const kind = scalarAt(value, 'kind') ?? '';
  const place = kind === 'Pod' ? undefined : podPlace(value);
  if (place === undefined) return [];
  const name = `${scalarAt(value, 'metadata', 'name') ?? ''}-${kind.toLowerCase()}`;
  const namespace = scalarAt(value, 'metadata', 'namespace') ?? 'default';
  return [{ name, namespace, pod: place.pod }];
}

/** An address of the range for documentation: no object has one of those. */
function asPod({ name, namespace, pod }: Mapping, index: number): readonly KubernetesObject[] {
  const own = textsAt(pod, 'metadata', 'labels');
  const tlsMode = own['sidecar.istio.io/inject'] === 'false' ? {} : { [label.tlsMode]: 'istio' };
  const podIP = `2001:db8::${(index + 1).toString(16)}`;
  const made = parseObject(
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace, labels: { ...tlsMode, ...own } },
      spec: mappingAt(pod, 'spec'),
      status: { phase: 'Running', podIP, podIPs: [{ ip: podIP }] },
    },
    'primary',
  );
  return made === undefined || Array.isArray(made) ? [] : [made].filter(isObject);
}

function isObject(value: object): value is KubernetesObject {
  return !Array.isArray(value);
}
