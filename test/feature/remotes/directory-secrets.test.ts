// A primary that is a directory may hold remote-cluster Secrets as well: what a whole instance says of such remotes.

import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { serviceManifest, sliceManifest } from '../../support/kube-objects.ts';
import { ScriptedKubeApi } from '../../support/scripted-kube-api.ts';
import { startServe, type ServeProcess } from '../../support/serve-process.ts';
import { waitFor } from '../../support/wait-for.ts';
import { remoteSecret } from '../../unit/server/remote-scene.ts';

const run = promisify(execFile);
const main = path.resolve(import.meta.dirname, '../../../server/main.ts');
const api = new ScriptedKubeApi();
let directory: string;
let state: string;
let instance: ServeProcess;

beforeAll(async () => {
  await api.start();
  api.put('services', serviceManifest('one') as Parameters<typeof api.put>[1]);
  api.put('endpointslices', sliceManifest('one-a', 'one', ['10.0.0.1']) as Parameters<typeof api.put>[1]);
  directory = await mkdtemp(path.join(tmpdir(), 'isthmus-remotes-'));
  state = await mkdtemp(path.join(tmpdir(), 'isthmus-state-'));
  await writeFile(path.join(directory, 'one.yaml'), stringify(serviceManifest('one')));
  await declare({ 'cluster-2': api.kubeconfig, 'cluster-3': 'the-secret-text' });
  const argv = ['--cluster-id', 'cluster-1', '--network', '', '--registry', directory, '--state-dir', state];
  instance = await startServe({ argv });
});

afterAll(async () => {
  await instance?.[Symbol.asyncDispose]();
  await api.stop();
  await rm(directory, { recursive: true });
  await rm(state, { recursive: true });
});

async function declare(values: Readonly<Record<string, string>>): Promise<void> {
  await writeFile(path.join(directory, 'remotes.yaml'), stringify(remoteSecret('remotes', values)));
}

async function until(what: string, page: string, pattern: RegExp): Promise<string> {
  return await waitFor(
    async () => JSON.stringify(await instance.json(page)),
    (text) => pattern.test(text),
    { what },
  );
}

it('shows the Secret, the phase, the sizes and the last error of each remote wherever clusters are shown', async () => {
  await until('the remote to be read', '/api/v1/clusters', /"cluster-2".*"running"/);
  const statuses = await until('the finding', '/api/v1/clusters', /remote-unreachable/);
  expect(JSON.parse(statuses)).toMatchObject([
    { clusterId: 'cluster-1', mode: 'primary', phase: 'running' },
    {
      clusterId: 'cluster-2',
      mode: 'discovery-only',
      secretName: 'istio-system/remotes',
      phase: 'running',
      services: 1,
      endpoints: 1,
      lastEventAt: expect.stringMatching(/^\d{4}-/),
    },
    {
      clusterId: 'cluster-3',
      phase: 'failed',
      error: expect.stringContaining('it is not a kubeconfig'),
      problems: [{ origin: { place: 'remotes.yaml', line: expect.any(Number) }, field: 'stringData.cluster-3' }],
    },
  ]);
  expect(await instance.json('/debug/clusterz')).toMatchObject([
    { id: 'cluster-1' },
    { id: 'cluster-2', secretName: 'istio-system/remotes', syncStatus: 'synced' },
    { id: 'cluster-3', secretName: 'istio-system/remotes', syncStatus: 'closed' },
  ]);
  const { stdout } = await run(process.execPath, [main, 'clusters', '--http', instance.http]);
  expect(stdout).toMatch(/^cluster-2 .* running /m);
  expect(stdout).toContain('cluster-3: declared by the Secret istio-system/remotes');
});

it('never shows what is in the Secret, neither to readers nor in the log', async () => {
  const pages = await Promise.all(
    ['/api/v1/clusters', '/api/v1/services', '/debug/clusterz'].map((page) => instance.json(page)),
  );
  expect(JSON.stringify(pages) + instance.process.output).not.toMatch(/the-secret-text|secret-token/);
});

it('follows the file: a key that goes takes its cluster away, a key that comes adds one', async () => {
  await declare({ 'cluster-4': api.kubeconfig });
  const statuses = await until('the other remote', '/api/v1/clusters', /"cluster-4".*"running"/);
  expect(statuses).not.toMatch(/cluster-[23]/);
});
