// Strategic merge of a partial pod over a pod, as `kubectl patch` does it: mappings merge, null removes, lists of things with a name
// merge by that name, other lists are replaced. https://kubernetes.io/docs/tasks/manage-kubernetes-objects/update-api-object-kubectl-patch/

import { isMapping } from '../../discovery/convert/field-reader.ts';
import { scalarAt, type Mapping } from './json-value.ts';

/** What tells the elements of a list apart; fields of these names mean the same everywhere in a pod. */
const mergeKeys: Readonly<Record<string, readonly string[]>> = {
  containers: ['name'],
  initContainers: ['name'],
  ephemeralContainers: ['name'],
  volumes: ['name'],
  volumeMounts: ['mountPath'],
  volumeDevices: ['devicePath'],
  env: ['name'],
  ports: ['containerPort', 'protocol'],
  imagePullSecrets: ['name'],
  hostAliases: ['ip'],
  resourceClaims: ['name'],
  topologySpreadConstraints: ['topologyKey', 'whenUnsatisfiable'],
};

/** What an element says when it leaves out a part of what tells it apart. */
const keyDefaults: Readonly<Record<string, string>> = { protocol: 'TCP' };
const directive = '$patch';

/** `overlay` wins. New elements of lists come last. */
export function strategicMerge(base: Mapping, overlay: Mapping): Mapping {
  if (overlay[directive] === 'replace') return withoutDirective(overlay);
  const merged: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(overlay)) {
    if (key === directive) continue;
    if (value === null) delete merged[key];
    else merged[key] = mergeField(key, merged[key], value);
  }
  return merged;
}

function mergeField(name: string, base: unknown, overlay: unknown): unknown {
  if (isMapping(overlay)) return strategicMerge(isMapping(base) ? base : {}, overlay);
  if (!Array.isArray(overlay)) return overlay;
  const keys = mergeKeys[name];
  if (keys === undefined) return overlay;
  const elements = overlay.filter((each: unknown) => isMapping(each));
  const isReplaced = elements.some((each) => each[directive] === 'replace');
  const before = Array.isArray(base) && !isReplaced ? base.filter((each: unknown) => isMapping(each)) : [];
  return mergeList(before, elements, keys);
}

function mergeList(base: readonly Mapping[], overlay: readonly Mapping[], keys: readonly string[]): readonly Mapping[] {
  const merged = new Map<string, Mapping>();
  for (const [index, each] of base.entries()) merged.set(uniqueId(merged, each, keys, index), each);
  for (const each of overlay) {
    const id = idOf(each, keys);
    if (each[directive] === 'delete') merged.delete(id);
    else if (each[directive] !== 'replace' || Object.keys(each).length > 1) {
      merged.set(id, strategicMerge(merged.get(id) ?? {}, each));
    }
  }
  return [...merged.values()];
}

/** What is there twice stays twice: that is for the API server to judge. */
function uniqueId(known: ReadonlyMap<string, Mapping>, each: Mapping, keys: readonly string[], index: number): string {
  const id = idOf(each, keys);
  return known.has(id) ? `${id}\n${String(index)}` : id;
}

function idOf(each: Mapping, keys: readonly string[]): string {
  return keys.map((key) => scalarAt(each, key) ?? keyDefaults[key] ?? '').join('\n');
}

function withoutDirective(overlay: Mapping): Mapping {
  return Object.fromEntries(Object.entries(overlay).filter(([key]) => key !== directive));
}
