// The state directory on a disk that is full: real ENOSPC from a small file system of its own.

import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { clusterId } from '../../../discovery/model/names.ts';
import { RememberedSource } from '../../../discovery/source/remembered/remembered-source.ts';
import { SnapshotFile } from '../../../discovery/source/remembered/snapshot-file.ts';
import { systemClock } from '../../../discovery/source/kube/clock.ts';
import { describeLab } from '../../support/describe-lab.ts';
import { objectOf, serviceManifest } from '../../support/kube-objects.ts';
import { run, runOrThrow } from '../../support/process.ts';
import { ScriptedSource } from '../../support/scripted-source.ts';
import { SourceListener } from '../../support/source-listener.ts';

describeLab('a full disk under the state directory', () => {
  let directory: string;

  beforeAll(async () => {
    directory = await mkdtemp(path.join(tmpdir(), 'full-'));
    await runOrThrow(['mount', '-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', directory]);
  });

  afterAll(async () => {
    await run(['umount', directory]);
    await rm(directory, { recursive: true, force: true });
  });

  test('is a finding that says so; the last snapshot stays whole and the cluster is read on', async () => {
    const file = new SnapshotFile({ directory, clusterId: clusterId('cluster-1'), scope: 'primary' });
    const script = new ScriptedSource();
    const source = new RememberedSource({ source: script, file, clock: systemClock, writeEveryMs: 1 });
    const listener = new SourceListener(source);
    await script.running;
    script.tellAll([serviceManifest('one')]);
    await listener.hears('nothing wrong', () => listener.problems.length === 0 && listener.count('synced') === 1);
    await listener.stop();

    await writeFile(path.join(directory, 'filler'), Buffer.alloc(56 * 1024));
    const next = new SourceListener(source);
    await next.hears('what is remembered', () => next.count('remembered') === 1);
    const many = Array.from({ length: 200 }, (_, index) => serviceManifest(`service-${index}`));
    script.tellAll(many);
    await next.hears('the full disk', () => next.problems.some(({ code }) => code === 'snapshot-not-written'));
    expect(next.problems[0]?.message).toContain('the disk is full');
    script.tell({ kind: 'changed', object: objectOf(serviceManifest('later')) });
    expect(next.objects.has('Service/sample/later')).toBe(true);
    await next.stop();

    const reading = await file.read(Date.now());
    expect(reading.kind === 'read' && reading.objects.map(({ metadata }) => metadata.name)).toEqual(['one']);
    expect((await readdir(directory)).toSorted()).toEqual(['cluster-cluster-1.snapshot', 'filler']);
  });
});
