// Remote clusters behind an API server: what is wrong with a Secret is said on it and disturbs no other remote, and a hundred
// changes of credentials leave nothing behind.

import { createServer, type Server } from 'node:https';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openRemoteSource } from '../../../server/open-source.ts';
import { Openssl } from '../../support/openssl.ts';
import { refuse, ScriptedKubeApi } from '../../support/scripted-kube-api.ts';
import { serviceManifest, sliceManifest } from '../../support/kube-objects.ts';
import { RemoteScene, remoteSecret } from './remote-scene.ts';

const openScene = (allow = { programs: false, files: false }): RemoteScene =>
  new RemoteScene({ openSource: (spec) => openRemoteSource(spec, { systemNamespace: 'istio-system', allow }) });

let api: ScriptedKubeApi;
let scene: RemoteScene;

beforeEach(async () => {
  api = new ScriptedKubeApi();
  await api.start();
  api.put('services', wire(serviceManifest('one')));
  api.put('endpointslices', wire(sliceManifest('one-a', 'one', ['10.0.0.1'])));
  scene = openScene();
});

afterEach(async () => {
  await scene.stop();
  await api.stop();
});

function wire(manifest: unknown): Parameters<ScriptedKubeApi['put']>[1] {
  return manifest as Parameters<ScriptedKubeApi['put']>[1];
}

async function until<T>(observe: () => T, value: T): Promise<void> {
  await expect
    .poll(
      () => {
        scene.settle();
        return observe();
      },
      { timeout: 20_000, interval: 5 },
    )
    .toEqual(value);
}

/** A kubeconfig of this API server with something else about it. */
function changedConfig(change: (config: Record<string, unknown>) => Record<string, unknown>): string {
  return JSON.stringify(change(JSON.parse(api.kubeconfig) as Record<string, unknown>));
}

const at = (server: string): string =>
  changedConfig((config) => ({ ...config, clusters: [{ name: 'c', cluster: { server } }] }));

describe('a Secret whose kubeconfig', () => {
  const cases: readonly (readonly [string, () => string | Promise<string>, RegExp, RegExp])[] = [
    ['is none', () => 'hello: [world', /it is not a kubeconfig/, /isthmus remote-secret/],
    ['is empty', () => '', /it is not a kubeconfig/, /isthmus remote-secret/],
    [
      'names a context that it does not have',
      () => changedConfig((config) => ({ ...config, 'current-context': 'elsewhere' })),
      /current-context leads to no cluster/,
      /set current-context/,
    ],
    [
      'names a server that can not be reached',
      () => at('http://127.0.0.1:1'),
      /connection was refused/,
      /address of the API server/,
    ],
    [
      'holds a token that is not accepted',
      () => api.kubeconfigWith({ token: 'old' }),
      /answered 401/,
      /no longer, accepted/,
    ],
    [
      'runs a program',
      () => api.kubeconfigWith({ exec: { apiVersion: 'client.authentication.k8s.io/v1', command: 'true' } }),
      /runs a program \(exec\)/,
      /use a token or a client certificate/,
    ],
    [
      'uses an auth provider',
      () => api.kubeconfigWith({ 'auth-provider': { name: 'oidc', config: {} } }),
      /uses an auth provider/,
      /use a token or a client certificate/,
    ],
    [
      'names a file',
      () => api.kubeconfigWith({ tokenFile: '/etc/hostname' }),
      /it names files/,
      /put their content inline/,
    ],
  ];

  it.each(cases)('%s is named in a finding, and the other remotes go on', async (_name, kubeconfig, reason, remedy) => {
    scene.put(remoteSecret('good', { 'cluster-3': api.kubeconfig }));
    await until(() => scene.served, ['cluster-3']);
    const before = scene.content;
    scene.put(remoteSecret('wrong', { 'cluster-2': await kubeconfig() }));
    await until(() => scene.status('cluster-2')?.problems.length, 1);
    expect(scene.status('cluster-2')).toMatchObject({
      phase: 'failed',
      secretName: 'istio-system/wrong',
      error: expect.stringMatching(reason),
      problems: [
        {
          severity: 'error',
          code: 'remote-unreachable',
          object: 'Secret/istio-system/wrong',
          field: 'stringData.cluster-2',
          message: expect.stringMatching(remedy),
        },
      ],
    });
    expect(scene.status('cluster-3')).toMatchObject({ phase: 'running', problems: [] });
    expect(scene.content).toEqual(before);
  });

  it('is for an API server under another root is named in a finding', async () => {
    await using openssl = await Openssl.create();
    const subject = ['-subj', '/CN=stranger', '-addext', 'subjectAltName=IP:127.0.0.1'];
    await openssl.run('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', 'key', '-out', 'cert', ...subject);
    const [key, cert] = await Promise.all(['key', 'cert'].map((name) => readFile(path.join(openssl.dir, name))));
    const server = createServer({ key, cert });
    await listen(server);
    try {
      const { port } = server.address() as AddressInfo;
      scene.put(remoteSecret('wrong', { 'cluster-2': at(`https://127.0.0.1:${port}`) }));
      await until(() => scene.status('cluster-2')?.problems.length, 1);
      expect(scene.status('cluster-2')?.problems[0]?.message).toMatch(
        /certificate is .*not trusted.*certificate-authority-data/,
      );
    } finally {
      server.close();
    }
  });
});

describe('what is refused', () => {
  it('is taken from a Secret when it is allowed: programs, and files', async () => {
    const allowing = openScene({ programs: true, files: true });
    await using openssl = await Openssl.create();
    await openssl.write({ token: api.token });
    const credential = {
      apiVersion: 'client.authentication.k8s.io/v1',
      kind: 'ExecCredential',
      status: { token: api.token },
    };
    const exec = { apiVersion: credential.apiVersion, command: 'echo', args: [JSON.stringify(credential)] };
    const tokenFile = path.join(openssl.dir, 'token');
    allowing.put(
      remoteSecret('program', { 'cluster-2': api.kubeconfigWith({ exec }) }),
      remoteSecret('file', { 'cluster-3': api.kubeconfigWith({ tokenFile }) }),
    );
    await expect
      .poll(() => ['cluster-2', 'cluster-3'].map((id) => allowing.status(id)?.phase))
      .toEqual(['running', 'running']);
    await allowing.stop();
  });
});

describe('the scope that a Secret gives', () => {
  it('is asked of the API server', async () => {
    const annotations = { 'isthmus.io/namespaces': 'sample,other', 'isthmus.io/label-selector': 'team=a' };
    scene.put(remoteSecret('a', { 'cluster-2': api.kubeconfig }, { annotations }));
    await until(() => scene.status('cluster-2')?.phase, 'running');
    const pods = new Set(api.askedFor('pods').map((asked) => asked.path));
    expect([...pods].toSorted()).toEqual(['/api/v1/namespaces/other/pods', '/api/v1/namespaces/sample/pods']);
    const services = new Set(api.askedFor('services').map((asked) => asked.query.get('labelSelector') ?? ''));
    expect([...services].toSorted()).toEqual(['team=a,!topology.istio.io/network', 'topology.istio.io/network']);
  });
});

describe('credentials that may see only a part', () => {
  it('never take over, withdraw nothing, and say what is missing', async () => {
    scene.put(remoteSecret('a', { 'cluster-2': api.kubeconfig }));
    await until(() => scene.status('cluster-2')?.phase, 'running');
    const content = scene.content;
    scene.changes.length = 0;
    let isPartial = true;
    api.token = 'partial';
    api.misbehave = ({ token, resource }, response) => {
      const isRefused = isPartial && token === 'partial' && resource === 'endpointslices';
      if (isRefused) refuse(response, 403, 'endpointslices is forbidden');
      return isRefused;
    };
    scene.put(remoteSecret('a', { 'cluster-2': api.kubeconfig }));
    const conditions = () => scene.status('cluster-2')?.conditions.map(({ name }) => name);
    await until(conditions, ['rotation-failed']);
    const finding = scene.status('cluster-2')?.problems.find(({ code }) => code === 'rotation-failed');
    expect(finding).toMatchObject({ object: 'Secret/istio-system/a' });
    expect(finding?.message).toMatch(/endpointslices.*answered 403.*read as it was declared before.*grant/);
    expect([scene.content, scene.changes]).toEqual([content, []]);

    // What was read before goes on being followed.
    api.put('endpointslices', wire(sliceManifest('one-a', 'one', ['10.0.0.1', '10.0.0.2'])));
    await until(() => scene.status('cluster-2')?.endpoints, 2);
    isPartial = false;
    await until(conditions, []);
    expect(scene.status('cluster-2')).toMatchObject({ phase: 'running', endpoints: 2, problems: [] });
  });
});

describe('a hundred changes of credentials', () => {
  it('never take an endpoint away, and leave no connection, watch or timer behind', { timeout: 60_000 }, async () => {
    const rotated = (count: number) => changedConfig((config) => ({ ...config, preferences: { count } }));
    scene.put(remoteSecret('a', { 'cluster-2': rotated(0) }));
    await until(() => scene.status('cluster-2')?.phase, 'running');
    const inUse = () => ({
      watches: ['services', 'endpointslices', 'pods', 'namespaces', 'nodes'].map((resource) => api.watchesOf(resource)),
      sockets: api.openSockets,
      timers: process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length,
    });
    await until(() => inUse().watches, [1, 1, 1, 1, 1]);
    const before = inUse();
    const content = scene.content;
    scene.changes.length = 0;
    for (let count = 1; count <= 100; count += 1) {
      scene.put(remoteSecret('a', { 'cluster-2': rotated(count) }));
      // Some are superseded before they have read anything.
      if (count % 10 === 0) await until(() => scene.status('cluster-2')?.conditions, []);
    }
    await until(() => scene.status('cluster-2')?.conditions, []);
    expect([scene.content, scene.changes]).toEqual([content, []]);
    await until(() => inUse().watches, before.watches);
    await until(() => inUse().sockets <= before.sockets, true);
    await until(() => inUse().timers <= before.timers + 1, true);
    await scene.stop();
    await until(() => inUse().sockets, 0);
    expect(scene.failures).toEqual([]);
  });
});

async function listen(server: Server): Promise<void> {
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
}
