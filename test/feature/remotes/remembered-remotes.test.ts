// An instance that starts while its own API server and the remote's are down serves the remotes that Secrets declared before.

import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { ClusterStatus } from '../../../discovery/model/cluster-snapshot.ts';
import { makeAuthority } from '../../support/certificate-authority.ts';
import { serviceManifest, sliceManifest, type Manifest } from '../../support/kube-objects.ts';
import { ScriptedKubeApi, type WireObject } from '../../support/scripted-kube-api.ts';
import { startServe, type ServeProcess } from '../../support/serve-process.ts';
import { waitFor } from '../../support/wait-for.ts';
import { remoteSecret } from '../../unit/server/remote-scene.ts';

let directory: string;
let primary: ScriptedKubeApi;
let remote: ScriptedKubeApi;
let instance: ServeProcess | undefined;

beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'isthmus-remembered-'));
  [primary, remote] = [new ScriptedKubeApi(), new ScriptedKubeApi()];
  // Several run at the same time: one must not be taken for another.
  for (const api of [primary, remote]) api.token = `token-${randomUUID()}`;
  await Promise.all([primary.start(), remote.start()]);
  primary.put('services', wire(serviceManifest('one')));
  remote.put('services', wire(serviceManifest('one')));
  remote.put('endpointslices', wire(sliceManifest('one-a', 'one', ['10.0.0.1'])));
  await mkdir(path.join(directory, 'ca'));
  for (const [name, text] of Object.entries((await makeAuthority()).files)) {
    await writeFile(path.join(directory, 'ca', name), text);
  }
  await writeFile(path.join(directory, 'kubeconfig'), primary.kubeconfig);
});

afterEach(async () => {
  await instance?.[Symbol.asyncDispose]();
  await Promise.all([primary.stop(), remote.stop()]);
  await rm(directory, { recursive: true });
});

const wire = (manifest: Manifest): WireObject => manifest as WireObject;
const secret = (): WireObject => {
  const { stringData: _plain, ...rest } = remoteSecret('remotes', {});
  return wire({ ...rest, data: { 'cluster-2': Buffer.from(remote.kubeconfig).toString('base64') } });
};

async function start(): Promise<void> {
  const argv = ['--cluster-id', 'cluster-1', '--network', '', '--kubeconfig', path.join(directory, 'kubeconfig')];
  const files = ['--ca-dir', path.join(directory, 'ca'), '--state-dir', path.join(directory, 'state')];
  instance = await startServe({ argv: [...argv, ...files] });
}

async function until(
  what: string,
  holds: (status: ClusterStatus | undefined) => boolean,
): Promise<ClusterStatus | undefined> {
  return await waitFor(
    async () => {
      const statuses = (await instance?.json('/api/v1/clusters')) as readonly ClusterStatus[];
      return statuses.find(({ clusterId }) => clusterId === 'cluster-2');
    },
    holds,
    // Tries are up to 30 seconds apart when the machine is slow enough for many of them to have failed.
    { what, timeoutMs: 75_000 },
  ).catch((error: unknown) => {
    throw new Error(`${String(error)}\n${instance?.process.output ?? ''}`, { cause: error });
  });
}

it(
  'from memory first, then by its Secret, and not any more when the Secret is gone',
  { timeout: 300_000 },
  async () => {
    primary.put('secrets', secret());
    await start();
    await until('the remote to be read', (status) => status?.phase === 'running');
    const file = path.join(directory, 'state/clusters/cluster-cluster-2.snapshot');
    await waitFor(() => existsSync(file), Boolean, { what: 'the remote to be remembered' });
    await instance?.[Symbol.asyncDispose]();
    for (const api of [primary, remote]) api.goDown();

    await start();
    const recalled = await until('the remote to be served from memory', (status) => status?.endpoints === 1);
    expect(recalled).toMatchObject({ phase: 'stale', conditions: [{ name: 'remembered' }] });
    const kept = await Promise.all(
      (await readdir(path.dirname(file))).map((name) => readFile(path.join(path.dirname(file), name))),
    );
    expect(Buffer.concat(kept).toString('utf8')).not.toMatch(/token-|current-context/);

    primary.comeBack();
    const found = await until(
      'its Secret to be read',
      (status) => status?.secretName !== undefined && status.error !== undefined,
    );
    expect(found).toMatchObject({ phase: 'stale', endpoints: 1 });
    remote.comeBack();
    await until('the remote to be read again', (status) => status?.phase === 'running' && status.endpoints === 1);
    primary.remove('secrets', secret());
    await until('the remote to be gone', (status) => status === undefined);
    await waitFor(
      () => existsSync(file),
      (exists) => !exists,
      { what: 'its memory to be gone' },
    );
  },
);
