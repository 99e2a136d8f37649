// The file of a cluster passes from one generation of it to the next.

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { clusterId } from '../../../discovery/model/names.ts';
import { LaterSnapshotFile } from '../../../discovery/source/remembered/later-snapshot-file.ts';
import { PackedLines, type PackedContent } from '../../../discovery/source/remembered/packed-lines.ts';
import { rememberedClusters, SnapshotFile } from '../../../discovery/source/remembered/snapshot-file.ts';
import { lineOfObject } from '../../../discovery/source/remembered/memorable-object.ts';
import { Interner } from '../../../discovery/source/kube/intern.ts';
import { objectOf, serviceManifest } from '../../support/kube-objects.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(`${tmpdir()}/isthmus-later-`);
});
afterEach(async () => {
  await rm(directory, { recursive: true });
});

const options = () => ({ directory, clusterId: clusterId('a/b'), scope: 'discovery-only' }) as const;
/** A cluster that has these services. */
function content(...names: readonly string[]): PackedContent {
  const lines = new PackedLines<string>();
  for (const name of names) {
    lines.set(name, 'Service', lineOfObject(objectOf(serviceManifest(name)), new Interner()) ?? '');
  }
  return lines.content();
}

it('is neither read nor written before it is handed over, and written as a whole after', async () => {
  const earlier = new SnapshotFile(options());
  const later = new LaterSnapshotFile(options());
  await earlier.write(content('one'), 1_000);
  const before = await readFile(earlier.path, 'utf8');
  expect(await later.read()).toEqual({ kind: 'none' });
  await later.write(content('two'), 2_000);
  // Nothing has to be done for what may not be done.
  expect(await later.touch(2_000)).toBe(true);
  expect(await readFile(earlier.path, 'utf8')).toBe(before);

  later.takeOver();
  expect(await later.touch(3_000)).toBe(false);
  await later.write(content('two'), 3_000);
  expect(await later.touch(4_000)).toBe(true);
  expect(await earlier.read(9_000)).toMatchObject({
    kind: 'read',
    asOfMs: 4_000,
    objects: [{ metadata: { name: 'two' } }],
  });
});

it('is listed by its cluster until it is removed', async () => {
  const file = new SnapshotFile(options());
  await file.write(content(), 1_000);
  expect(await rememberedClusters(directory)).toEqual(['a/b']);
  await file.remove();
  await file.remove();
  expect(await rememberedClusters(directory)).toEqual([]);
  expect(await rememberedClusters(`${directory}/nowhere`)).toEqual([]);
});
