// Which objects have a status of ours: every kind of Istio's that is read, and the rights in deploy/ are for exactly these.

import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { statusKinds } from '../../../server/object-status/object-states.ts';

interface Rule {
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
  readonly resourceNames?: readonly string[];
}

async function rulesOf(file: string): Promise<readonly Rule[]> {
  const text = await readFile(resolve(import.meta.dirname, '../../../deploy/rbac', file), 'utf8');
  return parseAllDocuments(text).flatMap((document) => (document.toJS() as { readonly rules?: Rule[] }).rules ?? []);
}

it('a primary may write the status of these kinds', async () => {
  const rules = (await rulesOf('primary.yaml')).filter(({ verbs }) => verbs.join() === 'patch');
  const statuses = rules.flatMap(({ resources }) => resources.filter((resource) => resource.endsWith('/status')));
  const expected = [...statusKinds().values()].map((plural) => `${plural}/status`);
  expect(statuses.toSorted()).toEqual(expected.toSorted());
});

it('a reader of a remote may write none', async () => {
  const verbs = new Set((await rulesOf('remote-reader.yaml')).flatMap(({ verbs }) => verbs));
  expect([...verbs].toSorted()).toEqual(['get', 'list', 'watch']);
});
