// The version text that `istioctl version` takes apart at its dashes.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { controlPlaneId } from '../../../server/admin/control-plane-id.ts';
import { readBuildInfo, versionText } from '../../../server/build-info.ts';

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'isthmus-build-info-'));
});

afterAll(async () => {
  await rm(directory, { recursive: true });
});

test.each([
  ['what the file of an image says', '{"revision":"a1b2c3","status":"Clean"}', '1.2.3-a1b2c3-Clean'],
  ['unknown where it says nothing', '{"revision":"a1b2c3"}', '1.2.3-a1b2c3-unknown'],
  ['unknown for a word that would not be one part', '{"revision":"a-b","status":"x y"}', '1.2.3-unknown-unknown'],
  ['unknown when it is not JSON', 'revision', '1.2.3-unknown-unknown'],
])('the version has %s', async (_what, text, expected) => {
  const file = join(directory, 'build-info.json');
  await writeFile(file, text);
  expect(versionText(await readBuildInfo('1.2.3', pathToFileURL(file)))).toBe(expected);
});

test('a checkout has no such file', async () => {
  const file = pathToFileURL(join(directory, 'missing.json'));
  expect(versionText(await readBuildInfo('1.2.3', file))).toBe('1.2.3-unknown-unknown');
});

test('the control plane is named by its instance and its build', () => {
  const build = { version: '1.2.3', revision: 'a1b2c3', status: 'Clean' };
  expect(JSON.parse(controlPlaneId('isthmus-0', build))).toEqual({
    Component: 'istiod',
    ID: 'isthmus-0',
    Info: { version: '1.2.3', revision: 'a1b2c3', golang_version: '', status: 'Clean', tag: '1.2.3' },
  });
});
