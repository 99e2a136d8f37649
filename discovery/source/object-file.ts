// One file of a registry directory → its objects and what is wrong with it. In: its bytes and what was read of it before.
// Out: fresh objects, and kept ones: objects whose document is broken now and whose last good content stays.

import { createHash } from 'node:crypto';
import { keyOf, type KubernetesObject } from '../model/kubernetes-object.ts';
import type { ObjectKey } from '../model/names.ts';
import type { Problem } from '../model/problem.ts';
import type { SourceScope } from '../model/source-event.ts';
import { parseDocumentObjects } from './object-schema.ts';
import { readYamlDocuments, type ChunkCache } from './yaml-documents.ts';

export interface FileObject {
  readonly key: ObjectKey;
  readonly object: KubernetesObject;
  /** Equal digests mean equal content at an equal place. */
  readonly digest: string;
}

export interface ObjectFile {
  readonly fresh: readonly FileObject[];
  readonly kept: readonly FileObject[];
  readonly problems: readonly Problem[];
  readonly cache: ChunkCache;
}

export const emptyFile: ObjectFile = Object.freeze({ fresh: [], kept: [], problems: [], cache: new Map() });

/** The file as it was, with everything kept, because of one problem of the file as a whole. */
export function keepWholeFile(place: string, code: string, reason: string, before: ObjectFile): ObjectFile {
  const message = `This file ${reason}; until then what it held before stays in force.`;
  return {
    fresh: [],
    kept: [...before.fresh, ...before.kept],
    problems: [{ severity: 'error', code, origin: { place }, message }],
    cache: before.cache,
  };
}

export function readObjectFile(place: string, bytes: Uint8Array, scope: SourceScope, before: ObjectFile): ObjectFile {
  const text = decode(bytes);
  if (text === undefined) return keepWholeFile(place, 'not-utf8', 'is not UTF-8 text: save it as UTF-8', before);
  const { documents, errors, cache } = readYamlDocuments(text, before.cache);
  const fresh: FileObject[] = [];
  const problems: Problem[] = errors.map((error) => ({
    severity: 'error',
    code: 'yaml-syntax',
    origin: { place, line: error.line },
    message: `This is not valid YAML (${error.message}): correct it; until then the last good state of the objects there stays.`,
  }));
  for (const { value, line, lineOf } of documents) {
    const parsed = parseDocumentObjects(value, scope, { origin: { place, line }, lineOf });
    for (const object of parsed.objects) fresh.push({ key: keyOf(object), object, digest: digestOf(object) });
    problems.push(...parsed.problems);
  }
  return { fresh, kept: keptObjects(fresh, problems, before), problems, cache };
}

/**
 * Objects of the last reading that a broken document may have held: those that an error names, or, when an error does not say
 * which object it is about (or names one that was never good), all that are missing now.
 */
function keptObjects(fresh: readonly FileObject[], problems: readonly Problem[], before: ObjectFile): FileObject[] {
  const faults = problems.filter((problem) => problem.severity === 'error');
  if (faults.length === 0) return [];
  const present = new Set(fresh.map((file) => file.key));
  const missing = [...before.fresh, ...before.kept].filter((file) => !present.has(file.key));
  const missingKeys = new Set(missing.map((file) => file.key));
  const named = new Set(faults.map((problem) => problem.object));
  const allNamed = faults.every(
    ({ object }) => object !== undefined && (missingKeys.has(object) || present.has(object)),
  );
  return allNamed ? missing.filter((file) => named.has(file.key)) : missing;
}

function decode(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function digestOf(object: KubernetesObject): string {
  const { apiVersion, metadata, body, origin } = object;
  return createHash('sha256')
    .update(JSON.stringify([apiVersion, metadata, body, origin]))
    .digest('base64');
}
