// What would change if objects were applied. In: the edits, and the instance as it is. Out: the report. The same code that serves proxies
// works on copies, with pauses; nothing in force is touched.

import { analyzing } from '../../discovery/analyze/analyze.ts';
import { serviceEntryFindings } from '../../discovery/mesh/service-entry-findings.ts';
import type { MeshPreview } from '../../discovery/mesh/mesh-store.ts';
import type { MeshSnapshot } from '../../discovery/model/mesh-snapshot.ts';
import { keyOf, kindOf } from '../../discovery/model/kubernetes-object.ts';
import { parseObjectKey, type ObjectKey } from '../../discovery/model/names.ts';
import type { Problem } from '../../discovery/model/problem.ts';
import type { ClusterPreview } from '../../discovery/registry/cluster-preview.ts';
import { decodeJson } from '../../proto/json.ts';
import { shortTypeName } from '../admin/proxy-status.ts';
import { previewClass, previewContext, type PreviewContext } from '../cache/preview-class.ts';
import type { ResourceCache } from '../cache/resource-cache.ts';
import { CollectedChanges, nameOf, type CollectedResource } from './collect-changes.ts';
import { compareJson, type FieldChange } from './compare-json.ts';
import { diffLimits, type DiffObject, type DiffReport, type DiffResource } from './diff-report.ts';
import type { Edit } from './read-question.ts';
import { lastField, withoutSecrets } from './shown-value.ts';

export interface DiffInstance {
  readonly cache: ResourceCache;
  /** The primary, as it would be with other objects. */
  readonly previewCluster: () => ClusterPreview;
  /** The mesh with that primary. */
  readonly previewMesh: (cluster: ClusterPreview) => MeshPreview;
}

export interface DiffQuestion {
  readonly edits: readonly Edit[];
  /** Policies and ServiceEntries of the namespaces that are written to go, when they are not among what is written. */
  readonly prune: boolean;
  /** `NAME.NAMESPACE`: only what this proxy would be sent. */
  readonly proxy?: string | undefined;
}

export function* predict(question: DiffQuestion, instance: DiffInstance): Generator<undefined, DiffReport> {
  const cluster = instance.previewCluster();
  const objects = yield* applyEdits(question, cluster);
  const current = following(instance, cluster);
  const collected = new CollectedChanges(diffLimits);
  let connectedCount = 0;
  for (const key of instance.cache.classKeys()) {
    const context = current();
    const served = instance.cache.servedClass(key);
    if (served === undefined) continue;
    const asked = served.members.filter(
      ({ proxy }) => question.proxy === undefined || nameOf(proxy) === question.proxy,
    );
    connectedCount += asked.length;
    if (asked.length === 0) continue;
    for (const change of yield* previewClass({ ...served, members: asked }, context)) yield* collected.add(change);
    yield;
  }
  const { preview } = current();
  const then = yield* findingsOf(preview.before, preview.serviceEntriesBefore);
  const now = yield* findingsOf(preview.after, preview.serviceEntries);
  const resources: DiffResource[] = [];
  for (const resource of collected.resources) {
    mergeInto(resources, describe(resource));
    yield;
  }
  const known = new Set(then.map(identityOf));
  const left = new Set(now.map(identityOf));
  const described = objects.map((one) => withFindings(one, now));
  const { proxyCount, groups, moreGroups, moreResources } = collected;
  return {
    changes: proxyCount > 0,
    summary: summaryOf({ proxyCount, connectedCount, resources, moreResources, objects: described }),
    ...(question.proxy === undefined ? {} : { proxy: question.proxy }),
    objects: described,
    findings: {
      added: now.filter((problem) => !known.has(identityOf(problem))).slice(0, diffLimits.findings),
      gone: then.filter((problem) => !left.has(identityOf(problem))).slice(0, diffLimits.findings),
    },
    resources,
    moreResources,
    proxies: groups,
    moreProxies: moreGroups,
    proxyCount,
    connectedCount,
    remarks: remarksOn(question.edits),
  };
}

function* applyEdits({ edits, prune }: DiffQuestion, cluster: ClusterPreview): Generator<undefined, DiffObject[]> {
  const objects: DiffObject[] = [];
  const written = new Set<ObjectKey>();
  const namespaces = new Set<string>();
  for (const edit of edits) {
    const { key, done } = applyEdit(edit, cluster);
    objects.push(done);
    if (edit.kind !== 'delete') {
      written.add(key);
      namespaces.add(parseObjectKey(key).namespace);
    }
    yield;
  }
  if (!prune) return objects;
  for (const namespace of [...namespaces].filter((name) => name !== '').toSorted()) {
    for (const key of cluster.configurationOf(namespace).toSorted()) {
      if (written.has(key)) continue;
      cluster.delete(key);
      objects.push({ object: key, change: 'removed', findings: [] });
      yield;
    }
  }
  return objects;
}

function applyEdit(edit: Edit, cluster: ClusterPreview): { readonly key: ObjectKey; readonly done: DiffObject } {
  if (edit.kind !== 'write') {
    const { key } = edit;
    if (edit.kind === 'wrong') return { key, done: { object: key, change: 'refused', findings: edit.problems } };
    if (edit.kind === 'ignored') return { key, done: { object: key, change: 'passed-over', findings: [] } };
    return { key, done: { object: key, change: cluster.delete(key) ? 'removed' : 'absent', findings: [] } };
  }
  const key = keyOf(edit.object);
  const isThere = cluster.has(key);
  const { outcome, problems } = cluster.write(edit.object);
  const change = outcome === 'taken' ? (isThere ? 'written' : 'added') : outcome;
  return { key, done: { object: key, change, findings: problems } };
}

/** The two states to compare; worked out again when the instance has gone on meanwhile. */
function following({ cache, previewMesh }: DiffInstance, cluster: ClusterPreview): () => PreviewContext {
  let made: { readonly mesh: MeshSnapshot; readonly context: PreviewContext } | undefined;
  return () => {
    if (made?.mesh === cache.mesh) return made.context;
    const preview = previewMesh(cluster);
    made = { mesh: cache.mesh, context: previewContext(preview, cache.index) };
    return made.context;
  };
}

function* findingsOf(
  mesh: MeshSnapshot,
  serviceEntries: MeshPreview['serviceEntries'],
): Generator<undefined, readonly Problem[]> {
  const found = yield* analyzing(mesh);
  return [...found, ...serviceEntryFindings(serviceEntries, mesh)];
}

function withFindings(object: DiffObject, all: readonly Problem[]): DiffObject {
  const between = all.filter((problem) => problem.object === object.object);
  return between.length === 0 ? object : { ...object, findings: [...object.findings, ...between] };
}

function identityOf({ code, object, field, message }: Problem): string {
  return JSON.stringify([code, object, field, message]);
}

function describe({ typeUrl, name, before, after, proxies }: CollectedResource): DiffResource {
  const fields = before === undefined || after === undefined ? [] : fieldChanges(typeUrl, before.body, after.body);
  const names = [...proxies].toSorted();
  return {
    type: shortTypeName(typeUrl),
    typeUrl,
    name,
    change: before === undefined ? 'added' : after === undefined ? 'removed' : 'changed',
    fields: fields.slice(0, diffLimits.fields),
    moreFields: Math.max(0, fields.length - diffLimits.fields),
    proxyCount: names.length,
    proxies: names.slice(0, diffLimits.proxies),
    sources: [...new Set([...(before?.sources ?? []), ...(after?.sources ?? [])])].toSorted(),
  };
}

function fieldChanges(typeUrl: string, before: Uint8Array, after: Uint8Array): readonly FieldChange[] {
  return compareJson(decodeJson(typeUrl, before), decodeJson(typeUrl, after)).map((change) => {
    const field = lastField(change.path);
    return {
      path: change.path,
      ...(change.before === undefined ? {} : { before: withoutSecrets(change.before, field) }),
      ...(change.after === undefined ? {} : { after: withoutSecrets(change.after, field) }),
    };
  });
}

/** The same change for another class of proxies is the same line. */
function mergeInto(resources: DiffResource[], next: DiffResource): void {
  const last = resources.at(-1);
  const isSame =
    last?.typeUrl === next.typeUrl &&
    last.name === next.name &&
    last.change === next.change &&
    next.change === 'changed' &&
    JSON.stringify(last.fields) === JSON.stringify(next.fields);
  if (!isSame) {
    resources.push(next);
    return;
  }
  resources[resources.length - 1] = {
    ...last,
    proxyCount: last.proxyCount + next.proxyCount,
    proxies: [...last.proxies, ...next.proxies].toSorted().slice(0, diffLimits.proxies),
    sources: [...new Set([...last.sources, ...next.sources])].toSorted(),
  };
}

interface Counts {
  readonly proxyCount: number;
  readonly connectedCount: number;
  readonly resources: readonly DiffResource[];
  readonly moreResources: number;
  readonly objects: readonly DiffObject[];
}

function summaryOf({ proxyCount, connectedCount, resources, moreResources, objects }: Counts): string {
  const refused = objects.filter(({ change }) => change === 'refused').length;
  const but = refused === 0 ? '' : ` ${counted(refused, 'object')} would be refused.`;
  if (proxyCount === 0) {
    const who =
      connectedCount === 0 ? 'no proxy is connected to this instance' : `of ${proxies(connectedCount)} connected`;
    return `Nothing would change for any proxy (${who}).${but}`;
  }
  const count = resources.length + moreResources;
  return `${String(proxyCount)} of ${proxies(connectedCount)} would be sent something: ${counted(count, 'resource')} differ${count === 1 ? 's' : ''}.${but}`;
}

function proxies(count: number): string {
  return count === 1 ? '1 proxy' : `${String(count)} proxies`;
}

function counted(count: number, noun: string): string {
  return `${String(count)} ${noun}${count === 1 ? '' : 's'}`;
}

/** What is not in the objects, and so not in the answer. */
function remarksOn(edits: readonly Edit[]): readonly string[] {
  const kinds = new Set(edits.flatMap((edit) => (edit.kind === 'write' ? [kindOf(edit.object)] : [])));
  const ignored = new Set(edits.flatMap((edit) => (edit.kind === 'ignored' ? [parseObjectKey(edit.key).kind] : [])));
  const remarks: string[] = [];
  if (ignored.delete('Secret')) {
    remarks.push(
      'Secrets are not compared: certificates of gateways and remote clusters are read when they are there.',
    );
  }
  const others = [...ignored].filter((kind) => kind !== '').toSorted();
  if (others.length > 0) {
    remarks.push(`No proxy sees anything of ${others.join(', ')}: what they start counts once it runs.`);
  }
  if (kinds.has('RequestAuthentication')) {
    remarks.push('Key sets behind addresses that are new are not fetched for this: their tokens count as refused.');
  }
  if (kinds.has('ConfigMap')) {
    remarks.push('Other networks (meshNetworks) and another trust domain are not worked out for this.');
  }
  return remarks;
}
