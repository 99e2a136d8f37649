// Templates of the ConfigMap: partial pods in YAML, merged over the pod. In: the `config` of the ConfigMap. Out: the overlays by name,
// or an error that names the template and says what is wrong in it. Istio's Go templates are refused: they can't be run here.

import { isMapping } from '../../discovery/convert/field-reader.ts';
import { InjectError } from './inject-error.ts';
import { builtInTemplates } from './injection-settings.ts';
import { mappingAt, scalarAt, type Mapping } from './json-value.ts';
import { parseYaml } from './parse-yaml.ts';

/** Errors: `invalid-settings`. A template may be YAML text, as Istio has it, or YAML itself. */
export function overlayTemplates(config: Mapping): ReadonlyMap<string, Mapping> | InjectError {
  const templates = new Map<string, Mapping>();
  for (const [name, source] of Object.entries(mappingAt(config, 'templates'))) {
    if (builtInTemplates.includes(name)) {
      return wrong(name, 'has the name of a built-in template: give it another and list it under defaultTemplates');
    }
    const overlay = typeof source === 'string' ? parseOverlay(source) : source;
    if (typeof overlay === 'string') return wrong(name, overlay);
    const reason = isMapping(overlay) ? wrongOverlay(overlay) : 'is not a partial pod with metadata and spec';
    if (!isMapping(overlay) || reason !== undefined) return wrong(name, reason ?? '');
    templates.set(name, overlay);
  }
  return templates;
}

/** A mapping, or why the text is none. */
function parseOverlay(source: string): Mapping | string {
  if (/\{\{/.test(source)) {
    return 'is a Go template ({{ … }}), which is not run: write the part of the pod that differs as plain YAML';
  }
  const parsed = parseYaml(source);
  if ('wrong' in parsed) return `is not YAML: ${parsed.wrong}`;
  return isMapping(parsed.value) ? parsed.value : 'is not a partial pod with metadata and spec';
}

function wrongOverlay(overlay: Mapping): string | undefined {
  const other = Object.keys(overlay).find((key) => !['apiVersion', 'kind', 'metadata', 'spec'].includes(key));
  if (other !== undefined) return `has the field "${other}", which a pod does not have`;
  for (const field of ['metadata', 'spec']) {
    if (overlay[field] !== undefined && !isMapping(overlay[field])) return `has "${field}", which is not a mapping`;
  }
  for (const field of ['containers', 'initContainers', 'volumes']) {
    const list = mappingAt(overlay, 'spec')[field];
    if (list === undefined || list === null) continue;
    const isNamed = Array.isArray(list) && list.every((each: unknown) => scalarAt(each, 'name') !== undefined);
    if (!isNamed) return `has spec.${field}, which is not a list whose elements have names`;
  }
  return undefined;
}

function wrong(name: string, reason: string): InjectError {
  return new InjectError('invalid-settings', `template "${name}" ${reason}.`);
}
