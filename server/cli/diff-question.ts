// Manifests → the question of what would change if they were applied. In: files. Out: the lines that an instance is asked with, what is
// wrong with the files themselves, and the line of each finding. Secrets stay here.

import { isMapping } from '../../discovery/convert/field-reader.ts';
import { keyOf, kindOf, type KubernetesObject } from '../../discovery/model/kubernetes-object.ts';
import type { ObjectKey } from '../../discovery/model/names.ts';
import type { Problem } from '../../discovery/model/problem.ts';
import { parseObject } from '../../discovery/source/object-schema.ts';
import { readYamlDocuments } from '../../discovery/source/yaml-documents.ts';
import type { ManifestText } from '../validate/read-manifests.ts';

export interface DiffQuestionText {
  /** JSON documents, one a line. */
  readonly body: string;
  /** How many objects it has. */
  readonly objects: number;
  /** Errors of the files: what can't be read is not in the question. */
  readonly problems: readonly Problem[];
  readonly placeOf: (problem: Problem) => string | undefined;
}

export interface DiffInputs {
  readonly write: readonly ManifestText[];
  readonly delete: readonly ManifestText[];
  /** Of objects that name none. */
  readonly namespace: string;
}

export function diffQuestion({ write, delete: gone, namespace }: DiffInputs): DiffQuestionText {
  const objects = new Map<ObjectKey, KubernetesObject>();
  const problems: Problem[] = [];
  const lines: string[] = [];
  const take = (verb: 'write' | 'delete', texts: readonly ManifestText[]): void => {
    for (const found of texts.flatMap((text) => valuesIn(text, problems))) {
      const value = inNamespace(found.value, namespace);
      const origin = { place: found.place, line: found.line };
      const parsed = parseObject(value, 'primary', { origin, lineOf: found.lineOf });
      if (Array.isArray(parsed)) problems.push(...parsed);
      const object = parsed === undefined || Array.isArray(parsed) || !('metadata' in parsed) ? undefined : parsed;
      if (object !== undefined && kindOf(object) === 'Secret') lines.push(line(verb, bareSecret(object)));
      else if (!Array.isArray(parsed)) lines.push(line(verb, value));
      if (object === undefined) continue;
      const first = objects.get(keyOf(object));
      if (first === undefined) objects.set(keyOf(object), object);
      else problems.push(duplicate(object, first));
    }
  };
  take('write', write);
  take('delete', gone);
  return { body: lines.join(''), objects: lines.length, problems, placeOf: (problem) => placeIn(objects, problem) };
}

interface FoundValue {
  readonly value: unknown;
  readonly place: string;
  readonly line: number;
  readonly lineOf: (field: string) => number | undefined;
}

function valuesIn({ place, bytes }: ManifestText, problems: Problem[]): readonly FoundValue[] {
  const { documents, errors } = readYamlDocuments(new TextDecoder().decode(bytes));
  for (const { line: number, message } of errors) {
    problems.push({
      severity: 'error',
      code: 'yaml-syntax',
      origin: { place, line: number },
      message: `This is not valid YAML (${message}), so what stands there is left out; correct it.`,
    });
  }
  return documents.flatMap(({ value, line: start, lineOf }) =>
    itemsIn(value, '').map(({ item, path }) => ({
      value: item,
      place,
      line: path === '' ? start : (lineOf(path) ?? start),
      lineOf: (field: string) => lineOf(path === '' ? field : `${path}.${field}`),
    })),
  );
}

/** The objects of a List, or the one that a document is. */
function itemsIn(value: unknown, path: string): readonly { readonly item: unknown; readonly path: string }[] {
  const isList = isMapping(value) && typeof value['kind'] === 'string' && value['kind'].endsWith('List');
  const items = isList ? value['items'] : undefined;
  if (!Array.isArray(items)) return [{ item: value, path }];
  return items.flatMap((item: unknown, index) => itemsIn(item, `${path === '' ? '' : `${path}.`}items[${index}]`));
}

/** A kind without namespaces ignores it. */
function inNamespace(value: unknown, namespace: string): unknown {
  if (!isMapping(value) || !isMapping(value['metadata'])) return value;
  const { metadata } = value;
  if (metadata['namespace'] !== undefined && metadata['namespace'] !== '') return value;
  return { ...value, metadata: { ...metadata, namespace } };
}

function line(verb: 'write' | 'delete', object: unknown): string {
  return `${JSON.stringify({ [verb]: object })}\n`;
}

function bareSecret({ apiVersion, kind, metadata: { name, namespace } }: KubernetesObject): object {
  return { apiVersion, kind, metadata: { name, namespace } };
}

function duplicate(object: KubernetesObject, first: KubernetesObject): Problem {
  const key = keyOf(object);
  const where = `${first.origin?.place ?? ''}:${String(first.origin?.line ?? 1)}`;
  const message = `It is in ${where} already, and the later one counts here; remove one of the two.`;
  return { severity: 'error', code: 'duplicate-object', object: key, origin: object.origin, message };
}

function placeIn(
  objects: ReadonlyMap<ObjectKey, KubernetesObject>,
  { object, field, origin }: Problem,
): string | undefined {
  const found = object === undefined ? undefined : objects.get(object);
  if (found?.origin === undefined)
    return origin === undefined ? undefined : `${origin.place}:${String(origin.line ?? 1)}`;
  return `${found.origin.place}:${String(found.lineOf?.(field ?? '') ?? found.origin.line ?? 1)}`;
}
