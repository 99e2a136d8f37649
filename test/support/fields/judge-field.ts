// What becomes of one field: an object that has it is read by its converter, which tells what it looked at. In: a kind and a field.
// Out: read, refused or disregarded by name, or neither, which is what must not be.

import { ClusterIndex } from '../../../discovery/registry/cluster-index.ts';
import { foldObject } from '../../../discovery/registry/fold-object.ts';
import { defaultMeshConfig, noMeshNetworks } from '../../../discovery/model/mesh-config.ts';
import { clusterId } from '../../../discovery/model/names.ts';
import type { Problem } from '../../../discovery/model/problem.ts';
import { parseObject } from '../../../discovery/source/object-schema.ts';
import type { CrdField, CrdKind } from './crd-fields.ts';
import { putField } from './put-field.ts';
import { skeletonsOf } from './skeletons.ts';

/**
 * `implemented`: the converter reads it. `refused`: an object with it is refused by a sentence that names it. `disregarded`: a warning
 * names it. `without effect`: it is known and changes nothing here. `unknown`: nobody knows it.
 */
export type Verdict = 'implemented' | 'refused' | 'disregarded' | 'without effect' | 'unknown';

const order: readonly Verdict[] = ['implemented', 'refused', 'disregarded', 'unknown', 'without effect'];

/** The best of what is said in any of the surroundings in which the field may stand. */
export function judgeField(kind: CrdKind, field: CrdField): Verdict {
  const verdicts = new Set(skeletonsOf(kind.kind).map((skeleton) => judgeIn(kind, field, skeleton)));
  return order.find((verdict) => verdicts.has(verdict)) ?? 'unknown';
}

function judgeIn({ kind, apiVersion }: CrdKind, { path, sample }: CrdField, skeleton: object): Verdict {
  const spec = structuredClone(skeleton) as Record<string, unknown>;
  putField(spec, path, sample);
  const read = new Set<string>();
  const metadata = { name: 'one', namespace: 'default' };
  const parsed = parseObject({ apiVersion, kind, metadata, spec: recording(spec, 'spec', read) }, 'primary');
  if (parsed === undefined) return 'unknown';
  const field = `spec.${path}`;
  const problems = Array.isArray(parsed) ? (parsed as readonly Problem[]) : fold(parsed);
  const about = problems.filter((problem) => covers(plain(problem.field ?? ''), field));
  if (problems.some(({ code }) => code === 'unsupported-kind')) return 'refused';
  if (about.some(({ code }) => code === 'unknown-field')) return 'unknown';
  const unsupported = about.filter(({ code }) => code === 'unsupported-field');
  if (unsupported.some(({ severity }) => severity === 'error')) return 'refused';
  if (unsupported.length > 0) return 'disregarded';
  return read.has(field) ? 'implemented' : 'without effect';
}

function fold(object: Parameters<typeof foldObject>[1]): readonly Problem[] {
  return foldObject(new ClusterIndex(), object, {
    clusterId: clusterId('cluster-1'),
    mode: 'primary',
    domain: 'cluster.local',
    systemNamespace: 'istio-system',
    meshDefaults: { config: defaultMeshConfig, meshNetworks: noMeshNetworks },
  });
}

/** Whether a problem with `place` is one of `field`: at it, or at something that it is in. */
function covers(place: string, field: string): boolean {
  return (
    place === field ||
    (place !== 'spec' && place !== '' && (field.startsWith(`${place}.`) || field.startsWith(`${place}[`)))
  );
}

/** `a[0].b["x"]` → `a[].b{}` */
function plain(field: string): string {
  return field.replaceAll(/\[\d+\]/g, '[]').replaceAll(/\["[^"]*"\]|\.key\b/g, '{}');
}

/** The same value, which writes down the path of whatever is asked of it. */
function recording(value: unknown, path: string, read: Set<string>): unknown {
  if (typeof value !== 'object' || value === null) return value;
  return new Proxy(value, {
    get: (target, name, receiver) => {
      const inner: unknown = Reflect.get(target, name, receiver);
      if (typeof name === 'symbol' || !Object.hasOwn(target, name) || name === 'length') return inner;
      const below = Array.isArray(target) ? `${path}[]` : name === 'key' ? `${path}{}` : `${path}.${name}`;
      read.add(below);
      if (name === 'key') read.add(`${path}.${name}`);
      return recording(inner, name === 'key' ? `${path}{}` : below, read);
    },
  });
}
