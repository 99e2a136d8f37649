// Folders are made with those above them, and where none can be made that is said.

import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { makeFolder } from '../../../ca/make-folder.ts';

test('a folder is made with those above it, once or again', async () => {
  const root = await mkdtemp(join(tmpdir(), 'make-folder-'));
  try {
    const deep = join(root, 'a', 'b', 'c');
    await Promise.all([makeFolder(deep, 0o700), makeFolder(join(root, 'a', 'd'), 0o700)]);
    await makeFolder(deep);
    expect((await stat(deep)).mode & 0o777).toBe(0o700);
    await writeFile(join(root, 'file'), '');
    await expect(makeFolder(join(root, 'file'))).rejects.toMatchObject({ code: 'EEXIST' });
    await expect(makeFolder(join(root, 'file', 'below'))).rejects.toMatchObject({ code: 'ENOTDIR' });
  } finally {
    await rm(root, { recursive: true });
  }
});

test('a file system without room for names is an error that comes soon', async () => {
  await expect(makeFolder('/proc/isthmus/below')).rejects.toMatchObject({ code: 'ENOENT', path: '/proc/isthmus' });
});
