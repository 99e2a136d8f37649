// One parsed document → a KubernetesObject with checked metadata, or what is wrong with it. Lists are taken apart. Only the
// kinds of the source's scope come out; others are skipped or reported (`object-kinds.ts`).

import { FieldReader, isMapping, show } from '../convert/field-reader.ts';
import { Findings } from '../convert/findings.ts';
import type { KubernetesObject, ObjectMeta, OwnerReference } from '../model/kubernetes-object.ts';
import type { Origin, Problem } from '../model/problem.ts';
import type { SourceScope } from '../model/source-event.ts';
import { judgeKind } from './object-kinds.ts';

/** Where a document was read. */
export interface DocumentPlace {
  readonly origin?: Origin | undefined;
  readonly lineOf?: ((field: string) => number | undefined) | undefined;
}

export interface ParsedObjects {
  readonly objects: readonly KubernetesObject[];
  readonly problems: readonly Problem[];
}

/** At most this many levels of `List` inside `List`. */
const maxListDepth = 4;

/** Every object that a document holds: itself, or the items of a list kind. */
export function parseDocumentObjects(value: unknown, scope: SourceScope, place: DocumentPlace = {}): ParsedObjects {
  const objects: KubernetesObject[] = [];
  const problems: Problem[] = [];
  const visit = (item: unknown, path: string, depth: number): void => {
    const lineOf = place.lineOf;
    const within =
      lineOf === undefined || path === '' ? place : { ...place, lineOf: (field: string) => lineOf(`${path}.${field}`) };
    const items =
      isMapping(item) && typeof item['kind'] === 'string' && /^(\w*)List$/.test(item['kind'])
        ? item['items']
        : undefined;
    if (Array.isArray(items) && depth < maxListDepth) {
      for (const [index, child] of items.entries())
        visit(child, `${path === '' ? '' : `${path}.`}items[${index}]`, depth + 1);
      return;
    }
    const parsed = parseObject(item, scope, within);
    if (Array.isArray(parsed)) problems.push(...parsed);
    else if (isObject(parsed)) objects.push(parsed);
  };
  visit(value, '', 0);
  return { objects, problems };
}

function isObject(parsed: KubernetesObject | readonly Problem[] | undefined): parsed is KubernetesObject {
  return parsed !== undefined && !Array.isArray(parsed);
}

/** One object; its problems when it can't be read; undefined when its kind is not wanted in this scope. */
export function parseObject(
  value: unknown,
  scope: SourceScope,
  place: DocumentPlace = {},
): KubernetesObject | Problem[] | undefined {
  const fields = isMapping(value) ? value : {};
  const text = (name: string): string => (typeof fields[name] === 'string' ? fields[name] : '');
  const apiVersion = text('apiVersion');
  const kind = text('kind');
  const claimed = isMapping(fields['metadata']) ? fields['metadata'] : {};
  const claimedText = (name: string): string => (typeof claimed[name] === 'string' ? claimed[name] : '');
  const draft: KubernetesObject = {
    apiVersion,
    kind,
    metadata: {
      name: claimedText('name'),
      namespace: claimedText('namespace'),
      labels: {},
      annotations: {},
      createdAtMs: 0,
    },
    body: {},
    ...place,
  };
  const findings = new Findings(draft);
  if (!isMapping(value)) {
    findings.error(
      'not-an-object',
      '',
      'this document is not a mapping with apiVersion, kind and metadata: write one or remove it',
    );
    return anonymous(findings);
  }
  const reader = new FieldReader(fields, '', findings);
  reader.requiredString('apiVersion');
  reader.requiredString('kind');
  if (findings.refused) return draft.metadata.name === '' || kind === '' ? anonymous(findings) : problemsOf(findings);
  const judged = judgeKind(apiVersion, kind, scope);
  if (judged.verdict === 'skip') return undefined;
  if (judged.verdict === 'report') {
    if (judged.severity === 'error') findings.error(judged.code, 'kind', judged.message);
    else findings.warn(judged.code, 'kind', judged.message);
    return draft.metadata.name === '' ? anonymous(findings) : problemsOf(findings);
  }
  const metadata = readMetadata(reader, kind, judged.entry.namespaced);
  if (findings.refused || metadata === undefined) {
    if (draft.metadata.name === '') return anonymous(findings);
    // Reported under the key that the object's last good state has.
    const namespace = judged.entry.namespaced ? draft.metadata.namespace || 'default' : '';
    const key = new Findings({ ...draft, metadata: { ...draft.metadata, namespace } });
    readMetadata(new FieldReader(fields, '', key), kind, judged.entry.namespaced);
    return problemsOf(key);
  }
  const { apiVersion: _version, kind: _kind, metadata: _metadata, ...body } = fields;
  return { apiVersion, kind, metadata, body, ...place };
}

function problemsOf(findings: Findings): Problem[] {
  return [...findings.conclude(undefined).problems];
}

/** Problems of a document that does not say which object it is. */
function anonymous(findings: Findings): Problem[] {
  return problemsOf(findings).map(({ object: _object, ...problem }) => problem);
}

function readMetadata(reader: FieldReader, kind: string, namespaced: boolean): ObjectMeta | undefined {
  const metadata = reader.object('metadata');
  if (metadata === undefined) {
    if (!reader.has('metadata')) reader.missing('metadata');
    return undefined;
  }
  const name = metadata.requiredString('name');
  if (name !== '') checkName(metadata, 'name', name, kind === 'Service' || kind === 'Namespace');
  let namespace = '';
  if (namespaced) {
    namespace = metadata.string('namespace') ?? '';
    if (namespace === '') namespace = 'default';
    checkName(metadata, 'namespace', namespace, true);
  }
  const labels = metadata.stringMap('labels');
  checkLabels(metadata, labels);
  const uid = metadata.string('uid');
  const resourceVersion = metadata.string('resourceVersion');
  const generation = metadata.integer('generation', 0, Number.MAX_SAFE_INTEGER);
  const owners = readOwners(metadata);
  return {
    name,
    namespace,
    labels,
    annotations: metadata.stringMap('annotations'),
    createdAtMs: readTime(metadata, 'creationTimestamp'),
    ...(generation === undefined ? {} : { generation }),
    ...(uid === undefined ? {} : { uid }),
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
    ...(metadata.has('deletionTimestamp') ? { deleting: true } : {}),
    ...(owners.length === 0 ? {} : { ownerReferences: owners }),
  };
}

const labelPattern = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/;
const subdomainPattern = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/;

/** DNS-1123: a label (63 characters) or a subdomain (253, with dots). */
function checkName(metadata: FieldReader, field: string, name: string, isLabel: boolean): void {
  const pattern = isLabel ? labelPattern : subdomainPattern;
  const max = isLabel ? 63 : 253;
  if (name.length <= max && pattern.test(name)) return;
  const allowed = `lower-case letters, digits${isLabel ? '' : ', dots'} and dashes, at most ${max} characters`;
  metadata.findings.error(
    'invalid-name',
    metadata.at(field),
    `${show(name)} is not a valid ${field} (${allowed}): correct it`,
  );
}

function checkLabels(metadata: FieldReader, labels: Readonly<Record<string, string>>): void {
  for (const [key, value] of Object.entries(labels)) {
    const field = `metadata.labels[${JSON.stringify(key)}]`;
    if (!isLabelKey(key)) {
      metadata.findings.error('invalid-label', field, `${show(key)} is not a valid label name: correct it`);
    } else if (!/^([A-Za-z0-9]([\w.-]*[A-Za-z0-9])?)?$/.test(value) || value.length > 63) {
      const allowed = 'letters, digits, dots, dashes and underscores, at most 63 characters';
      metadata.findings.error(
        'invalid-label',
        field,
        `${show(value)} is not a valid label value (${allowed}): correct it`,
      );
    }
  }
}

function isLabelKey(key: string): boolean {
  const [prefix, name, ...rest] = key.includes('/') ? key.split('/') : [undefined, key];
  if (rest.length > 0 || name === undefined || name.length > 63) return false;
  if (!/^[A-Za-z0-9]([\w.-]*[A-Za-z0-9])?$/.test(name)) return false;
  return prefix === undefined || (prefix.length <= 253 && /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/.test(prefix));
}

/** Milliseconds since the epoch; API servers send text, some readers a Date. */
function readTime(metadata: FieldReader, name: string): number {
  const value = metadata.raw(name);
  const time = value instanceof Date ? value.getTime() : typeof value === 'string' ? Date.parse(value) : 0;
  if (!Number.isNaN(time)) return time;
  metadata.findings.error('invalid-time', metadata.at(name), `${show(value)} is not an RFC 3339 time: correct it`);
  return 0;
}

function readOwners(metadata: FieldReader): OwnerReference[] {
  return metadata.objects('ownerReferences').map((reader) => ({
    kind: reader.string('kind') ?? '',
    name: reader.string('name') ?? '',
    controller: reader.boolean('controller') ?? false,
  }));
}
