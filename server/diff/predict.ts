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
import { ViewFindings } from '../cache/view-findings.ts';
import { withoutRepeats } from '../mesh-findings.ts';
import { CollectedChanges, type CollectedResource } from './collect-changes.ts';
import { comparing, type DiffInstance } from './compare-classes.ts';
import { compareJson, type FieldChange } from './compare-json.ts';
import { diffLimits, type DiffObject, type DiffReport, type DiffResource } from './diff-report.ts';
import { findingCauses, type AppliedEdits } from './find-causes.ts';
import type { Edit } from './read-question.ts';
import { lastField, withoutSecrets } from './shown-value.ts';
import { tellOnce } from './tell-once.ts';

export interface DiffQuestion {
  readonly edits: readonly Edit[];
  /** Policies and ServiceEntries of the namespaces that are written to go, when they are not among what is written. */
  readonly prune: boolean;
  /** `NAME.NAMESPACE`: only what this proxy would be sent. */
  readonly proxy?: string | undefined;
}

export function* predict(question: DiffQuestion, instance: DiffInstance): Generator<undefined, DiffReport> {
  const cluster = instance.previewCluster();
  const { objects, effective } = yield* applyEdits(question, cluster);
  const collected = new CollectedChanges(diffLimits);
  const { proxy } = question;
  // They depend on all proxies: of one alone they would not be true.
  const ofViews = proxy === undefined ? new ViewFindings() : undefined;
  const { connectedCount, preview } = yield* comparing(instance, cluster, {
    proxy,
    findings: ofViews,
    take: (change) => collected.add(change),
  });
  const causes = yield* findingCauses({ edits: effective, resources: collected.resources, proxy }, instance);
  const then = withoutRepeats(
    yield* findingsOf(preview.before, preview.serviceEntriesBefore),
    ofViews === undefined ? [] : instance.cache.problems(),
  );
  const now = withoutRepeats(
    yield* findingsOf(preview.after, preview.serviceEntries),
    ofViews === undefined ? [] : ofViews.problems(),
  );
  const resources: DiffResource[] = [];
  for (const resource of collected.resources) {
    mergeInto(resources, describe(resource, causes.get(resource) ?? []));
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
    remarks: [...(resources.every((one) => one.causes.length > 0) ? [] : [anyOfThem]), ...remarksOn(question.edits)],
  };
}

interface Applied {
  readonly objects: DiffObject[];
  /** Those that may change something. */
  readonly effective: AppliedEdits;
}

function* applyEdits({ edits, prune }: DiffQuestion, cluster: ClusterPreview): Generator<undefined, Applied> {
  const objects: DiffObject[] = [];
  const effective = new Map<ObjectKey, (cluster: ClusterPreview) => void>();
  const written = new Set<ObjectKey>();
  const namespaces = new Set<string>();
  for (const edit of edits) {
    const done = applyEdit(edit, cluster);
    objects.push(done);
    const { object } = done;
    if (isEffective(done)) effective.set(object, (other) => void applyEdit(edit, other));
    if (edit.kind !== 'delete') {
      written.add(object);
      namespaces.add(parseObjectKey(object).namespace);
    }
    yield;
  }
  if (!prune) return { objects, effective };
  for (const namespace of [...namespaces].filter((name) => name !== '').toSorted()) {
    for (const key of cluster.configurationOf(namespace).toSorted()) {
      if (written.has(key)) continue;
      cluster.delete(key);
      objects.push({ object: key, change: 'removed', findings: [] });
      effective.set(key, (other) => void other.delete(key));
      yield;
    }
  }
  return { objects, effective };
}

function applyEdit(edit: Edit, cluster: ClusterPreview): DiffObject {
  if (edit.kind === 'write') {
    const { outcome, problems } = cluster.write(edit.object);
    return { object: keyOf(edit.object), change: outcome, findings: problems };
  }
  const { key } = edit;
  if (edit.kind === 'wrong') return { object: key, change: 'refused', findings: edit.problems };
  return { object: key, change: edit.kind === 'delete' ? cluster.delete(key) : 'not-looked-at', findings: [] };
}

/** A policy that is refused may deny everything. */
function isEffective({ change, findings }: DiffObject): boolean {
  if (change === 'refused') return findings.some(({ code }) => code === 'denies-everything');
  return change === 'added' || change === 'changed' || change === 'removed';
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

function describe(
  { typeUrl, name, before, after, proxies }: CollectedResource,
  causes: readonly ObjectKey[],
): DiffResource {
  const fields =
    before === undefined || after === undefined ? [] : tellOnce(fieldChanges(typeUrl, before.body, after.body));
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
    causes,
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
    causes: [...new Set([...last.causes, ...next.causes])].toSorted(),
    sources: [...new Set([...last.sources, ...next.sources])].toSorted(),
  };
}

const anyOfThem =
  'Where no object is named that a resource changes because of, that was not worked out: it may be any of the edited ones.';

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
