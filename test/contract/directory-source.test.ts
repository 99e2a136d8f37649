// The directory source: the promises of every source, and those about files that people and tools write.

import { mkdir, mkdtemp, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { keyOf, type KubernetesObject } from '../../discovery/model/kubernetes-object.ts';
import type { Problem } from '../../discovery/model/problem.ts';
import type { SourceEvent } from '../../discovery/model/source-event.ts';
import { DirectorySource } from '../../discovery/source/directory-source.ts';
import { podManifest, serviceManifest, type Manifest } from '../support/kube-objects.ts';
import { waitFor } from '../support/wait-for.ts';
import { describeSource } from './source-contract.ts';

/** Quick for tests, and still far longer than a file is empty that is written anew. */
const quick = { rescanMs: 300, removalGraceMs: 300 };

describeSource('a directory', async () => {
  const base = await mkdtemp(path.join(tmpdir(), 'registry-'));
  const directory = path.join(base, 'cluster');
  await mkdir(directory);
  const fileOf = (manifest: Manifest): string => {
    const { name } = manifest['metadata'] as { name: string };
    return path.join(directory, `${String(manifest['kind']).toLowerCase()}-${name}.yaml`);
  };
  return {
    open: (scope) => new DirectorySource({ directory, scope, ...quick }),
    put: (manifest) => writeFile(fileOf(manifest), stringify(manifest)),
    remove: (manifest) => unlink(fileOf(manifest)),
    cut: () => rename(directory, `${directory}-away`),
    restore: () => rename(`${directory}-away`, directory),
    close: () => rm(base, { recursive: true }),
  };
});

describe('a directory of files', () => {
  let directory: string;
  let stop: AbortController;
  let running: Promise<void> | undefined;
  let events: SourceEvent[];

  beforeEach(async () => {
    directory = await mkdtemp(path.join(tmpdir(), 'registry-'));
    stop = new AbortController();
    events = [];
  });
  afterEach(async () => {
    stop.abort();
    await running;
    await rm(directory, { recursive: true, force: true });
  });

  const write = async (file: string, content: string | Uint8Array): Promise<void> => {
    await mkdir(path.dirname(path.join(directory, file)), { recursive: true });
    await writeFile(path.join(directory, file), content);
  };
  const yaml = (...manifests: Manifest[]): string => manifests.map((manifest) => stringify(manifest)).join('---\n');
  const start = (options: { maxFileBytes?: number; directory?: string } = {}): void => {
    const source = new DirectorySource({ directory, scope: 'primary', ...quick, ...options });
    running = source.run((batch) => events.push(...batch), stop.signal);
  };
  const objects = (): ReadonlyMap<string, KubernetesObject> => {
    const found = new Map<string, KubernetesObject>();
    for (const event of events) {
      if (event.kind === 'changed') found.set(keyOf(event.object), event.object);
      if (event.kind === 'deleted') found.delete(event.key);
    }
    return found;
  };
  const problems = (): readonly Problem[] => events.findLast((event) => event.kind === 'problems')?.problems ?? [];
  const until = async (what: string, holds: () => boolean): Promise<void> => {
    await waitFor(
      () => ({ keys: [...objects().keys()], problems: problems() }),
      () => holds(),
      { what, intervalMs: 10 },
    );
  };
  const synced = (): Promise<void> => until('synced', () => events.some((event) => event.kind === 'synced'));
  const deletions = (): number => events.filter((event) => event.kind === 'deleted').length;

  it('reads nested folders, several documents a file, JSON and List kinds', async () => {
    await write('a/b/services.yml', yaml(serviceManifest('one'), serviceManifest('two')));
    await write(
      'list.json',
      JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [podManifest('p', '10.0.0.1', 'one')] }),
    );
    await write('notes.txt', 'not: [yaml');
    start();
    await synced();
    expect([...objects().keys()].toSorted()).toEqual(['Pod/sample/p', 'Service/sample/one', 'Service/sample/two']);
    expect(problems()).toEqual([]);
  });

  it('follows folders that appear later', async () => {
    start();
    await synced();
    await write('later/deep/one.yaml', yaml(serviceManifest('one')));
    await until('the object of the new folder', () => objects().has('Service/sample/one'));
    expect(objects().get('Service/sample/one')?.origin).toEqual({ place: 'later/deep/one.yaml', line: 1 });
  });

  it('waits for a directory that does not exist, saying so', async () => {
    const missing = path.join(directory, 'missing');
    start({ directory: missing });
    await until('the outage', () => events.some((event) => event.kind === 'disconnected'));
    const outage = events.find((event) => event.kind === 'disconnected');
    expect(outage?.kind === 'disconnected' && outage.reason).toContain('does not exist');
    expect(events.some((event) => event.kind === 'synced')).toBe(false);
    await write('missing/one.yaml', yaml(serviceManifest('one')));
    await synced();
    await until('the object', () => objects().has('Service/sample/one'));
  });

  it('tells file and line of a syntax error and keeps just the objects of that document', async () => {
    await write('all.yaml', yaml(serviceManifest('one'), serviceManifest('two')));
    start();
    await synced();
    const broken = `${yaml(serviceManifest('one', { ports: [{ name: 'http', port: 8888 }] }))}---\nkind: Service\nmetadata: {name: two\n`;
    await write('all.yaml', broken);
    await until('the problem', () => problems().length > 0);
    const [problem] = problems();
    expect(problem).toMatchObject({ severity: 'error', code: 'yaml-syntax', origin: { place: 'all.yaml' } });
    expect(problem?.origin?.line).toBeGreaterThan(broken.slice(0, broken.indexOf('---')).split('\n').length);
    expect(JSON.stringify(objects().get('Service/sample/one')?.body)).toContain('8888');
    expect(objects().has('Service/sample/two')).toBe(true);
    await write('all.yaml', yaml(serviceManifest('one')));
    await until('no problem', () => problems().length === 0);
    await until('the deletion that was withheld', () => !objects().has('Service/sample/two'));
  });

  it('names the object and field of metadata that is wrong, and keeps that object as it was', async () => {
    await write('one.yaml', yaml(serviceManifest('one')));
    start();
    await synced();
    await write('one.yaml', yaml(serviceManifest('one', { ports: [{ port: 99 }] }, { labels: { team: 'red team!' } })));
    await until('the problem', () => problems().length > 0);
    expect(problems()[0]).toMatchObject({
      code: 'invalid-label',
      object: 'Service/sample/one',
      field: 'metadata.labels["team"]',
      origin: { place: 'one.yaml', line: 7 },
    });
    expect(JSON.stringify(objects().get('Service/sample/one')?.body)).not.toContain('99');
  });

  it('takes one of two objects with the same key, the first in path order, and says so', async () => {
    await write('b.yaml', yaml(serviceManifest('one', { ports: [{ port: 2 }] })));
    await write('a.yaml', yaml(serviceManifest('one', { ports: [{ port: 1 }] })));
    start();
    await synced();
    expect(objects().get('Service/sample/one')?.origin?.place).toBe('a.yaml');
    expect(problems()).toMatchObject([{ severity: 'warning', code: 'duplicate-object', origin: { place: 'b.yaml' } }]);
    await unlink(path.join(directory, 'a.yaml'));
    await until('the other one', () => objects().get('Service/sample/one')?.origin?.place === 'b.yaml');
    expect(deletions()).toBe(0);
  });

  it('sees a file replaced by renaming as a change, never as a deletion', async () => {
    await write('one.yaml', yaml(serviceManifest('one')));
    start();
    await synced();
    for (const port of [81, 82, 83]) {
      await write('.one.yaml.swp', yaml(serviceManifest('one', { ports: [{ port }] })));
      await rename(path.join(directory, '.one.yaml.swp'), path.join(directory, 'one.yaml'));
      await until(`port ${port}`, () =>
        JSON.stringify(objects().get('Service/sample/one')?.body).includes(String(port)),
      );
    }
    expect(deletions()).toBe(0);
  });

  it('sees a file that is empty for an instant as a change, never as a deletion', async () => {
    await write('one.yaml', yaml(serviceManifest('one')));
    start();
    await synced();
    await write('one.yaml', '');
    await write('one.yaml', yaml(serviceManifest('one', { ports: [{ port: 81 }] })));
    await until('the change', () => JSON.stringify(objects().get('Service/sample/one')?.body).includes('81'));
    expect(deletions()).toBe(0);
  });

  it('follows a mounted ConfigMap whose generation is swapped by a link', async () => {
    await write('..gen1/one.yaml', yaml(serviceManifest('one', { ports: [{ port: 81 }] })));
    await write('..gen2/one.yaml', yaml(serviceManifest('one', { ports: [{ port: 82 }] })));
    await symlink('..gen1', path.join(directory, '..data'));
    await symlink('..data/one.yaml', path.join(directory, 'one.yaml'));
    start();
    await synced();
    expect(objects().size).toBe(1);
    await symlink('..gen2', path.join(directory, '..tmp'));
    await rename(path.join(directory, '..tmp'), path.join(directory, '..data'));
    await until('the second generation', () =>
      JSON.stringify(objects().get('Service/sample/one')?.body).includes('82'),
    );
    expect(deletions()).toBe(0);
    expect(problems()).toEqual([]);
  });

  it('follows a link to a file elsewhere, which no notification tells of', async () => {
    const elsewhere = await mkdtemp(path.join(tmpdir(), 'elsewhere-'));
    const target = path.join(elsewhere, 'one.yaml');
    await writeFile(target, yaml(serviceManifest('one')));
    await symlink(target, path.join(directory, 'one.yaml'));
    start();
    await synced();
    await writeFile(target, yaml(serviceManifest('one', { ports: [{ port: 81 }] })));
    await until('the change', () => JSON.stringify(objects().get('Service/sample/one')?.body).includes('81'));
    expect(deletions()).toBe(0);
    await rm(elsewhere, { recursive: true });
  });

  it('does not walk in circles', async () => {
    await write('sub/one.yaml', yaml(serviceManifest('one')));
    await symlink('..', path.join(directory, 'sub/up'));
    start();
    await synced();
    expect([...objects().keys()]).toEqual(['Service/sample/one']);
    expect(problems()).toMatchObject([{ severity: 'warning', code: 'link-loop', origin: { place: 'sub/up' } }]);
  });

  it('refuses a file that is too large or not UTF-8 and keeps what it held', async () => {
    await write('one.yaml', yaml(serviceManifest('one')));
    await write('two.yaml', yaml(serviceManifest('two')));
    start({ maxFileBytes: 2_000 });
    await synced();
    await write('one.yaml', `# ${'x'.repeat(3_000)}\n`);
    await write('two.yaml', new Uint8Array([0x6b, 0xff, 0xfe]));
    await until('both problems', () => problems().length === 2);
    expect(problems().map(({ code, origin }) => [code, origin?.place])).toEqual([
      ['file-too-large', 'one.yaml'],
      ['not-utf8', 'two.yaml'],
    ]);
    await until('quiet', () => objects().size === 2);
    expect(deletions()).toBe(0);
  });

  it('refuses a document that would grow without end', async () => {
    const lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x]'];
    for (let level = 1; level < 9; level += 1) {
      const alias = Array.from({ length: 9 }, () => `*a${level - 1}`).join(', ');
      lines.push(`a${level}: &a${level} [${alias}]`);
    }
    await write('bomb.yaml', lines.join('\n'));
    await write('one.yaml', yaml(serviceManifest('one')));
    start();
    await synced();
    expect(problems()).toMatchObject([{ code: 'yaml-syntax', origin: { place: 'bomb.yaml' } }]);
    expect([...objects().keys()]).toEqual(['Service/sample/one']);
  });

  it('never repeats a credential in a problem', async () => {
    await write(
      'secret.yaml',
      'apiVersion: v1\nkind: Secret\nmetadata: {name: t}\nstringData:\n  token: "s3cr3t-token\n  x: [}\n',
    );
    start();
    await until('the problem', () => problems().length > 0);
    expect(JSON.stringify(problems())).not.toContain('s3cr3t');
  });
});
