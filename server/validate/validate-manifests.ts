// `isthmus validate` without its command line: manifests in, findings out, in the order of files and lines.

import { checkObjects } from '../../discovery/analyze/check-objects.ts';
import { withoutBefore } from '../../discovery/convert/findings.ts';
import { parseMeshSettings } from '../../discovery/convert/mesh-config.ts';
import { defaultMeshConfig, noMeshNetworks, type MeshSettings } from '../../discovery/model/mesh-config.ts';
import { compareText } from '../../discovery/model/network-gateway.ts';
import type { Problem } from '../../discovery/model/problem.ts';
import { readManifests, type ManifestText } from './read-manifests.ts';

export interface ValidateOptions {
  readonly systemNamespace: string;
  readonly trustDomain: string;
  /** MeshConfig, as `--mesh-config` of an instance has it. */
  readonly meshConfig?: { readonly place: string; readonly text: string } | undefined;
}

export interface Validation {
  /** How many objects were looked at. */
  readonly objects: number;
  readonly problems: readonly Problem[];
}

export function validateManifests(texts: readonly ManifestText[], options: ValidateOptions): Validation {
  const { settings, problems: ofSettings } = settingsOf(options);
  const { count, objects, problems } = readManifests(texts);
  const all = [...ofSettings, ...problems, ...checkObjects(objects, settings)];
  return { objects: count, problems: all.map(withoutBefore).toSorted(byPlace) };
}

function settingsOf({ systemNamespace, trustDomain, meshConfig }: ValidateOptions): {
  readonly settings: MeshSettings;
  readonly problems: readonly Problem[];
} {
  const config = { ...defaultMeshConfig, systemNamespace, rootNamespace: systemNamespace, trustDomain };
  const defaults = { config, meshNetworks: noMeshNetworks };
  if (meshConfig === undefined) return { settings: defaults, problems: [] };
  const { value, problems } = parseMeshSettings(meshConfig.text, meshConfig.place, defaults);
  return { settings: value ?? defaults, problems };
}

function byPlace(a: Problem, b: Problem): number {
  return (
    compareText(a.origin?.place ?? '', b.origin?.place ?? '') ||
    (a.origin?.line ?? 0) - (b.origin?.line ?? 0) ||
    compareText(`${a.object ?? ''} ${a.field ?? ''}`, `${b.object ?? ''} ${b.field ?? ''}`)
  );
}
