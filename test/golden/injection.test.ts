// Every pod in `injection/` gets the patch that is written down in `expected-injection/`. A case is a file of two documents: the
// settings, and the pod.

import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse, parseAllDocuments, stringify } from 'yaml';
import { injectPod, type InjectionResult } from '../../server/inject/inject-pod.ts';
import { jsonPatch } from '../../server/inject/json-patch.ts';
import type { Mapping } from '../../server/inject/json-value.ts';
import type { CallerFacts } from '../../server/inject/sidecar-context.ts';
import { applyPatch } from '../support/apply-patch.ts';
import { injectionSettings, type SettingsParts } from '../support/injection.ts';

const rewrite = process.env['GOLDEN'] === 'write';
const cases = join(import.meta.dirname, 'injection');
const names = (await readdir(cases)).map((file) => file.replace(/\.yaml$/, '')).toSorted();

interface Case {
  readonly pod: Mapping;
  readonly inject: (pod: Mapping) => InjectionResult;
}

async function load(name: string): Promise<Case> {
  const text = await readFile(join(cases, `${name}.yaml`), 'utf8');
  const [given, pod] = parseAllDocuments(text).map((document) => document.toJS() as Mapping);
  if (given === undefined || pod === undefined) throw new Error(`${name}: two documents, the settings and the pod`);
  const { caller, ...parts } = given as SettingsParts & { readonly caller?: CallerFacts };
  const settings = injectionSettings(parts);
  const inject = (of: Mapping): InjectionResult => {
    const result = injectPod({ pod: of, namespace: 'sample', settings, caller: caller ?? {} });
    if (result instanceof Error) throw result;
    return result;
  };
  return { pod, inject };
}

describe.each(names)('%s', (name) => {
  test('gets the patch that is written down', async () => {
    const { pod, inject } = await load(name);
    const result = inject(pod);
    if (result.kind !== 'injected') throw new Error(`left alone: ${result.reason}`);
    const actual = { patch: jsonPatch(pod, result.pod), remarks: result.remarks };
    const file = join(import.meta.dirname, 'expected-injection', `${name}.yaml`);
    if (rewrite) await writeFile(file, stringify(actual, { lineWidth: 120, aliasDuplicateObjects: false }));
    expect(actual).toEqual(parse(await readFile(file, 'utf8')));
  });

  test('is the injected pod once the patch is applied, and a second injection leaves that alone', async () => {
    const { pod, inject } = await load(name);
    const result = inject(pod);
    if (result.kind !== 'injected') throw new Error(`left alone: ${result.reason}`);
    const patched = applyPatch(pod, jsonPatch(pod, result.pod));
    expect(patched).toEqual(result.pod);
    expect(inject(patched as Mapping)).toEqual({ kind: 'left-alone', reason: 'it has a sidecar already' });
  });
});
