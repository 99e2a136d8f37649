// `isthmus remote-secret`: a Secret that works by itself, whatever the kubeconfig refers to.

import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { makeRemoteSecret, type RemoteSecretOptions } from '../../../server/cli/make-remote-secret.ts';
import { openRemoteSource } from '../../../server/open-source.ts';
import { ScriptedKubeApi } from '../../support/scripted-kube-api.ts';
import { RemoteScene } from '../server/remote-scene.ts';

const run = promisify(execFile);
const main = path.resolve(import.meta.dirname, '../../../server/main.ts');

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'isthmus-secret-'));
});
afterEach(async () => {
  await rm(directory, { recursive: true });
});

interface Parts {
  readonly cluster?: Readonly<Record<string, unknown>>;
  readonly user?: Readonly<Record<string, unknown>>;
}

async function kubeconfig({
  cluster = { server: 'https://api.example:6443' },
  user = { token: 't' },
}: Parts): Promise<string> {
  const file = path.join(directory, 'kubeconfig');
  const other = { name: 'other', context: { cluster: 'c', user: 'nobody' } };
  const contexts = [{ name: 'c', context: { cluster: 'c', user: 'u' } }, other];
  const config = { 'current-context': 'c', clusters: [{ name: 'c', cluster }], users: [{ name: 'u', user }], contexts };
  await writeFile(file, stringify({ apiVersion: 'v1', kind: 'Config', ...config }));
  return file;
}

async function make(parts: Parts, options: Partial<RemoteSecretOptions> = {}) {
  return await makeRemoteSecret({
    clusterId: 'cluster-2',
    kubeconfig: await kubeconfig(parts),
    ttl: '1h',
    allowPrograms: false,
    namespace: 'istio-system',
    output: 'yaml',
    ...options,
  });
}

/** The one user and the one cluster of the kubeconfig inside. */
function inside(text: string): { readonly cluster: unknown; readonly user: unknown } {
  const config = parse((parse(text) as { stringData: Record<string, string> }).stringData['cluster-2'] ?? '') as {
    clusters: [{ cluster: unknown }];
    users: [{ user: unknown }];
  };
  return { cluster: config.clusters[0].cluster, user: config.users[0].user };
}

describe('the Secret', () => {
  it('has the name, label, annotation and key that a remote-cluster Secret has', async () => {
    const { text } = await make({});
    expect(parse(text)).toMatchObject({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: {
        name: 'istio-remote-secret-cluster-2',
        namespace: 'istio-system',
        labels: { 'istio/multiCluster': 'true' },
        annotations: { 'networking.istio.io/cluster': 'cluster-2' },
      },
    });
    expect(inside(text)).toEqual({ cluster: { server: 'https://api.example:6443' }, user: { token: 't' } });
  });

  it('carries scope, network and stale policy as annotations', async () => {
    const { text } = await make(
      {},
      { network: 'n2', namespaces: 'a,b', labelSelector: 'x=y', stalePolicy: 'drop', staleAfter: '5m', output: 'json' },
    );
    expect((JSON.parse(text) as { metadata: unknown }).metadata).toMatchObject({
      annotations: {
        'topology.istio.io/network': 'n2',
        'isthmus.io/namespaces': 'a,b',
        'isthmus.io/label-selector': 'x=y',
        'isthmus.io/stale-policy': 'drop',
        'isthmus.io/stale-after': '5m',
      },
    });
  });

  it('holds the content of every file that the kubeconfig names, relative to it', async () => {
    for (const name of ['ca', 'cert', 'key', 'token']) await writeFile(path.join(directory, name), `the ${name}\n`);
    const { text } = await make({
      cluster: { server: 'https://api.example:6443', 'certificate-authority': 'ca' },
      user: { 'client-certificate': 'cert', 'client-key': path.join(directory, 'key'), tokenFile: 'token' },
    });
    const encoded = (name: string): string => Buffer.from(`the ${name}\n`).toString('base64');
    expect(inside(text)).toEqual({
      cluster: { server: 'https://api.example:6443', 'certificate-authority-data': encoded('ca') },
      user: { token: 'the token', 'client-certificate-data': encoded('cert'), 'client-key-data': encoded('key') },
    });
  });

  it('holds no other context, cluster or user of the kubeconfig', async () => {
    const { text } = await make({});
    expect(text).not.toMatch(/nobody|other/);
  });

  it('keeps what runs a program only when that is allowed', async () => {
    const user = { exec: { apiVersion: 'client.authentication.k8s.io/v1', command: 'aws' } };
    await expect(make({ user })).rejects.toThrow(/runs a program \(exec\).*--service-account/);
    const { text } = await make({ user }, { allowPrograms: true });
    expect(inside(text).user).toEqual(user);
  });

  it('warns of an address that only this machine knows', async () => {
    const cluster = { server: 'https://127.0.0.1:6443' };
    expect((await make({ cluster })).remarks).toEqual([expect.stringContaining('--server')]);
    const { text, remarks } = await make({ cluster }, { server: 'https://api.example:6443' });
    expect([remarks, inside(text).cluster]).toEqual([[], { server: 'https://api.example:6443' }]);
  });

  it.each([
    ['a name that is none', { clusterId: 'Cluster_2' }, /give --name/],
    ['a cluster id that is none', { clusterId: 'a b' }, /--cluster-id "a b"/],
    ['a context that is not there', { context: 'x' }, /--context x is none of its contexts \(c, other\)/],
    ['a context whose user is not there', { context: 'other' }, /names a user that it does not have/],
    ['namespaces that are none', { namespaces: 'A' }, /no name of a namespace.*isthmus.io\/namespaces/],
    ['a duration that is none', { staleAfter: 'soon' }, /not a duration/],
    ['a kubeconfig that is not there', { kubeconfig: '/nowhere' }, /\/nowhere can't be read/],
  ])('is refused for %s', async (_name, options, message) => {
    await expect(make({}, options)).rejects.toThrow(message);
  });
});

describe('a token of a service account', () => {
  it('is asked of the cluster with the credentials at hand, which do not get into the Secret', async () => {
    const asked: unknown[] = [];
    const server = createServer((request, response) => {
      let body = '';
      request.on('data', (part) => (body += String(part)));
      request.on('end', () => {
        asked.push([request.method, request.url, request.headers.authorization, JSON.parse(body)]);
        response.writeHead(201, { 'Content-Type': 'application/json' });
        response.end(JSON.stringify({ status: { token: 'short-lived', expirationTimestamp: '2030-01-01T00:00:00Z' } }));
      });
    });
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    const { port } = server.address() as AddressInfo;
    try {
      const { text, remarks } = await make(
        { cluster: { server: `http://127.0.0.1:${port}` }, user: { token: 'of an administrator' } },
        { serviceAccount: 'isthmus-reader', server: 'https://api.example:6443' },
      );
      expect(inside(text)).toEqual({ cluster: { server: 'https://api.example:6443' }, user: { token: 'short-lived' } });
      expect(text).not.toContain('of an administrator');
      expect(remarks).toEqual([expect.stringContaining('2030-01-01T00:00:00Z')]);
      expect(asked).toMatchObject([
        [
          'POST',
          '/api/v1/namespaces/istio-system/serviceaccounts/isthmus-reader/token',
          'Bearer of an administrator',
          { kind: 'TokenRequest', spec: { expirationSeconds: 3600 } },
        ],
      ]);
    } finally {
      server.close();
      server.closeAllConnections();
    }
  });
});

describe('the command', () => {
  it('prints a Secret with which an instance reads the cluster', async () => {
    const api = new ScriptedKubeApi();
    await api.start();
    const allow = { programs: false, files: false };
    const scene = new RemoteScene({
      openSource: (spec) => openRemoteSource(spec, { systemNamespace: 'istio-system', allow }),
    });
    try {
      const file = await kubeconfig({ cluster: { server: api.url }, user: { token: api.token } });
      const { stdout } = await run(process.execPath, [
        main,
        'remote-secret',
        '--cluster-id',
        'cluster-2',
        '--kubeconfig',
        file,
      ]);
      scene.put(parse(stdout) as Readonly<Record<string, unknown>>);
      await expect.poll(() => scene.status('cluster-2')?.phase).toBe('running');
    } finally {
      await scene.stop();
      await api.stop();
    }
  });

  it('says what is wrong in one sentence: exit code 2 for an option, 1 for a kubeconfig', async () => {
    const attempt = async (...options: string[]) =>
      await run(process.execPath, [main, 'remote-secret', ...options]).catch((error: unknown) => error);
    const file = await kubeconfig({ user: { exec: { command: 'aws' } } });
    const [wrongOption, wrongFile] = await Promise.all([
      attempt('--cluster-id', 'a b', '--kubeconfig', file),
      attempt('--cluster-id', 'a', '--kubeconfig', file),
    ]);
    expect(wrongOption).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringMatching(/^isthmus remote-secret: .*\n$/),
    });
    expect(wrongFile).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/^isthmus remote-secret: .*\n$/),
    });
  });
});
