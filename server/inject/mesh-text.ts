// The MeshConfig of a `--mesh-config` file, as text: the file has it under `mesh`, as ConfigMap `istio` has, or is one itself.

import { readFile } from 'node:fs/promises';
import { stringify } from 'yaml';
import { isMapping } from '../../discovery/convert/field-reader.ts';
import { parseYaml } from './parse-yaml.ts';

/** Undefined when the file can't be read; whoever needs it says so. */
export async function readMeshText(path: string): Promise<string | undefined> {
  try {
    return meshTextOf(await readFile(path, 'utf8'));
  } catch {
    return undefined; // The instance itself has complained already.
  }
}

export function meshTextOf(text: string): string {
  const parsed = parseYaml(text);
  if ('wrong' in parsed || !isMapping(parsed.value)) return text;
  const file = isMapping(parsed.value['data']) ? parsed.value['data'] : parsed.value;
  const mesh = file['mesh'];
  if (typeof mesh === 'string') return mesh;
  return mesh === undefined ? text : stringify(mesh);
}
