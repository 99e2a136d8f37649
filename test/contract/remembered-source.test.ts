// A source that remembers makes every promise of the source in it, whether it remembers nothing or something else.

import { mkdir, mkdtemp, rename, rm, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { stringify } from 'yaml';
import { clusterId } from '../../discovery/model/names.ts';
import { DirectorySource } from '../../discovery/source/directory-source.ts';
import { systemClock } from '../../discovery/source/kube/clock.ts';
import { RememberedSource } from '../../discovery/source/remembered/remembered-source.ts';
import { SnapshotFile } from '../../discovery/source/remembered/snapshot-file.ts';
import type { Manifest } from '../support/kube-objects.ts';
import { describeSource } from './source-contract.ts';

describeSource('a directory with a memory', async () => {
  const base = await mkdtemp(path.join(tmpdir(), 'remembered-'));
  const directory = path.join(base, 'cluster');
  await mkdir(directory);
  const fileOf = (manifest: Manifest): string => {
    const { name } = manifest['metadata'] as { name: string };
    return path.join(directory, `${String(manifest['kind']).toLowerCase()}-${name}.yaml`);
  };
  return {
    open: (scope) =>
      new RememberedSource({
        source: new DirectorySource({ directory, scope, rescanMs: 300, removalGraceMs: 300 }),
        file: new SnapshotFile({ directory: path.join(base, 'state'), clusterId: clusterId('cluster-1'), scope }),
        clock: systemClock,
        writeEveryMs: 10,
      }),
    put: (manifest) => writeFile(fileOf(manifest), stringify(manifest)),
    remove: (manifest) => unlink(fileOf(manifest)),
    cut: () => rename(directory, `${directory}-away`),
    restore: () => rename(`${directory}-away`, directory),
    close: () => rm(base, { recursive: true }),
  };
});
