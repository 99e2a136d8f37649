// Remote clusters come, go and change their credentials while the instance runs.

import { describe, expect, it } from 'vitest';
import { clusterId } from '../../../discovery/model/names.ts';
import { RemoteScene, remoteSecret } from './remote-scene.ts';

const codesOf = (scene: RemoteScene, id: string) => scene.status(id)?.problems.map(({ code }) => code);
const conditionsOf = (scene: RemoteScene, id: string) => scene.status(id)?.conditions.map(({ name }) => name);
const directory = { kind: 'directory', path: '/clusters/2' } as const;

describe('a Secret that declares a remote cluster', () => {
  it('adds it, with where it is declared', async () => {
    const scene = new RemoteScene();
    scene.put(remoteSecret('remotes', { 'cluster-2': 'good', 'cluster-3': 'good' }));
    expect(scene.status('cluster-2')).toMatchObject({ phase: 'connecting', secretName: 'istio-system/remotes' });
    scene.answer();
    expect(scene.status('cluster-3')).toMatchObject({ phase: 'running', services: 3, endpoints: 2, problems: [] });
    expect(scene.served).toEqual(['cluster-2', 'cluster-3']);
    await scene.stop();
  });

  it('takes away, when it goes, what its cluster gave and nothing else', async () => {
    const scene = new RemoteScene();
    scene.put(remoteSecret('a', { 'cluster-2': 'good' }), remoteSecret('b', { 'cluster-3': 'good' }));
    scene.answer();
    scene.changes.length = 0;
    scene.take('a');
    expect([scene.served, scene.gateways]).toEqual([['cluster-3'], ['cluster-3']]);
    const hosts = scene.changes.flatMap(({ services }) => [...services]);
    expect(hosts.filter((host) => host.startsWith('only-'))).toEqual(['only-cluster-2.sample.svc.cluster.local']);
    await scene.stop();
    expect(scene.forgotten).toEqual([]);
  });

  it('is forgotten for good once everything of it has ended', async () => {
    const scene = new RemoteScene();
    scene.put(remoteSecret('a', { 'cluster-2': 'good' }));
    scene.answer();
    scene.take('a');
    await expect.poll(() => scene.forgotten).toEqual(['cluster-2']);
    expect(scene.sources.map(({ isStopped }) => isStopped)).toEqual([true]);
    await scene.stop();
  });

  it('is not acted upon before the primary has told all of them', async () => {
    const scene = new RemoteScene({ isStarting: true });
    scene.put(remoteSecret('young', { 'cluster-2': 'good young' }, { createdAt: '2026-02-01T00:00:00Z' }));
    expect(scene.sources).toHaveLength(0);
    scene.put(remoteSecret('old', { 'cluster-2': 'good old' }));
    scene.primary.fold([{ kind: 'synced' }]);
    expect(scene.sources.map(({ spec }) => spec.secret?.secretName)).toEqual(['istio-system/old']);
    await scene.stop();
  });
});

describe('new credentials', () => {
  it('are tried beside the old ones, which end when the new ones have read everything', async () => {
    const scene = new RemoteScene();
    scene.put(remoteSecret('a', { 'cluster-2': 'good 1' }));
    scene.answer();
    const before = scene.content;
    scene.changes.length = 0;
    scene.put(remoteSecret('a', { 'cluster-2': 'good 2' }));
    expect([scene.running('cluster-2').length, conditionsOf(scene, 'cluster-2')]).toEqual([2, ['rotating']]);
    scene.answer();
    await expect.poll(() => scene.running('cluster-2').length).toBe(1);
    expect(scene.content).toEqual(before);
    expect(scene.changes).toEqual([]);
    expect([conditionsOf(scene, 'cluster-2'), scene.sources[1]?.hasTaken]).toEqual([[], true]);
    await scene.stop();
  });

  it('that do not work leave the old ones in force, and say so on the Secret', async () => {
    const scene = new RemoteScene();
    scene.put(remoteSecret('a', { 'cluster-2': 'good' }));
    scene.answer();
    const before = scene.content;
    scene.put(remoteSecret('a', { 'cluster-2': 'bad' }));
    scene.answer();
    expect(scene.status('cluster-2')).toMatchObject({
      phase: 'running',
      problems: [
        {
          severity: 'error',
          code: 'rotation-failed',
          object: 'Secret/istio-system/a',
          field: 'stringData.cluster-2',
          message: expect.stringContaining('make the Secret anew with `isthmus remote-secret`'),
        },
      ],
    });
    expect(scene.content).toEqual(before);
    // Corrected, it takes over as if nothing had been.
    scene.put(remoteSecret('a', { 'cluster-2': 'good again' }));
    scene.answer();
    expect([codesOf(scene, 'cluster-2'), scene.content]).toEqual([[], before]);
    await expect.poll(() => scene.running('cluster-2').length).toBe(1);
    await scene.stop();
  });

  it('replace at once what never worked, so that the status is theirs', async () => {
    const scene = new RemoteScene();
    scene.put(remoteSecret('a', { 'cluster-2': 'bad' }));
    scene.answer();
    expect(codesOf(scene, 'cluster-2')).toEqual(['remote-unreachable']);
    expect(scene.status('cluster-2')).toMatchObject({ phase: 'failed', error: expect.stringContaining('401') });
    scene.put(remoteSecret('a', { 'cluster-2': 'good' }));
    expect(scene.status('cluster-2')).toMatchObject({ phase: 'connecting', problems: [], conditions: [] });
    await expect.poll(() => scene.running('cluster-2').length).toBe(1);
    await scene.stop();
  });

  it('are no new ones when the Secret is written again as it was', async () => {
    const scene = new RemoteScene();
    scene.put(remoteSecret('a', { 'cluster-2': 'good' }));
    scene.answer();
    scene.put(remoteSecret('a', { 'cluster-2': 'good' }), remoteSecret('b', { 'cluster-3': 'good' }));
    expect(scene.sources.map(({ spec }) => spec.clusterId)).toEqual(['cluster-2', 'cluster-3']);
    await scene.stop();
  });

  it('are also another network or scope, and never another stale policy, which holds at once', async () => {
    const scene = new RemoteScene();
    const put = (annotations: Readonly<Record<string, string>>): void => {
      scene.put(remoteSecret('a', { 'cluster-2': 'good' }, { annotations }));
    };
    put({});
    scene.answer();
    scene.sources[0]?.tell([{ kind: 'disconnected', reason: 'gone' }]);
    put({ 'isthmus.io/stale-policy': 'drop' });
    expect(scene.sources).toHaveLength(1);
    expect([scene.served, scene.gateways]).toEqual([[], ['cluster-2']]);
    put({ 'isthmus.io/stale-policy': 'keep' });
    expect(scene.served).toEqual(['cluster-2']);
    put({ 'isthmus.io/namespaces': 'sample', 'topology.istio.io/network': 'network-2' });
    expect(scene.sources[1]?.spec).toMatchObject({ network: 'network-2', narrowing: { namespaces: ['sample'] } });
    await scene.stop();
  });
});

describe('two declarations of one cluster', () => {
  it('have the older as the one in force, and the other with its name in the status', async () => {
    const scene = new RemoteScene();
    scene.put(remoteSecret('young', { 'cluster-2': 'good young' }, { createdAt: '2026-02-01T00:00:00Z' }));
    scene.answer();
    scene.put(remoteSecret('old', { 'cluster-2': 'good old' }));
    scene.answer();
    expect(scene.status('cluster-2')).toMatchObject({
      secretName: 'istio-system/old',
      problems: [{ severity: 'warning', code: 'duplicate-cluster', object: 'Secret/istio-system/young' }],
    });
    const before = scene.content;
    scene.take('old');
    scene.answer();
    expect(scene.status('cluster-2')).toMatchObject({ secretName: 'istio-system/young', problems: [] });
    expect(scene.content).toEqual(before);
    await scene.stop();
  });

  it('have --remote in force before any Secret', async () => {
    const scene = new RemoteScene({ fixed: [{ clusterId: clusterId('cluster-2'), location: directory }] });
    scene.answer();
    scene.put(remoteSecret('a', { 'cluster-2': 'good' }));
    expect(scene.sources).toHaveLength(1);
    expect(scene.status('cluster-2')?.secretName).toBeUndefined();
    expect(scene.status('cluster-2')?.problems).toMatchObject([
      { code: 'duplicate-cluster', message: expect.stringContaining('by --remote') },
    ]);
    await scene.stop();
  });
});

describe('a cluster that is remembered from before the start', () => {
  const remembered = [clusterId('cluster-2'), clusterId('cluster-3')];
  const recall = (scene: RemoteScene): void => {
    for (const source of scene.sources) source.recall();
    scene.settle();
  };

  it('is served while the primary does not say what it is, and read once it does', async () => {
    const scene = new RemoteScene({ remembered, isStarting: true });
    recall(scene);
    expect(scene.served).toEqual(['cluster-2', 'cluster-3']);
    const before = scene.content;
    scene.put(remoteSecret('a', { 'cluster-2': 'good', 'cluster-3': 'bad' }));
    scene.primary.fold([{ kind: 'connected' }, { kind: 'synced' }]);
    scene.settle();
    expect(scene.content).toEqual(before);
    scene.answer();
    expect(scene.content).toEqual(before);
    expect([scene.status('cluster-2')?.phase, scene.status('cluster-3')?.phase]).toEqual(['running', 'stale']);
    expect(scene.status('cluster-3')).toMatchObject({
      error: expect.stringContaining('401'),
      problems: [{ code: 'remote-unreachable', object: 'Secret/istio-system/a' }],
    });
    await scene.stop();
  });

  it('goes when the primary has been read and declares it no more', async () => {
    const scene = new RemoteScene({ remembered, isStarting: true });
    recall(scene);
    scene.put(remoteSecret('a', { 'cluster-3': 'good' }));
    scene.primary.fold([{ kind: 'connected' }, { kind: 'synced' }]);
    scene.settle();
    expect(scene.served).toEqual(['cluster-3']);
    await expect.poll(() => scene.forgotten).toEqual(['cluster-2']);
    await scene.stop();
  });
});

describe('credentials that say when they end', () => {
  const tokenUntil = (end: string): string => {
    const claims = Buffer.from(JSON.stringify({ exp: Date.parse(end) / 1000 })).toString('base64url');
    const user = { token: `e30.${claims}.signature` };
    const contexts = [{ name: 'c', context: { cluster: 'c', user: 'u' } }];
    const clusters = [{ name: 'c', cluster: { server: 'https://api.example' } }];
    return JSON.stringify({ 'current-context': 'c', contexts, clusters, users: [{ name: 'u', user }] });
  };

  it.each([
    ['2026-12-01T00:00:00Z', []],
    ['2026-03-05T00:00:00Z', ['credential-expires']],
    ['2026-02-01T00:00:00Z', ['credential-expired']],
  ])('at %s on 1 March have the findings %j', async (end, codes) => {
    const scene = new RemoteScene();
    scene.put(remoteSecret('a', { 'cluster-2': tokenUntil(end) }));
    expect([scene.status('cluster-2')?.credentialExpiresAt, codesOf(scene, 'cluster-2')]).toEqual([
      new Date(end).toISOString(),
      codes,
    ]);
    await scene.stop();
  });
});

it('everything has ended when the set has stopped', async () => {
  const scene = new RemoteScene({ fixed: [{ clusterId: clusterId('cluster-9'), location: directory }] });
  scene.put(remoteSecret('a', { 'cluster-2': 'good 1' }));
  scene.answer();
  scene.put(remoteSecret('a', { 'cluster-2': 'good 2' }));
  await scene.stop();
  expect(scene.sources.map(({ isStopped }) => isStopped)).toEqual([true, true, true]);
  scene.put(remoteSecret('b', { 'cluster-3': 'good' }));
  expect(scene.sources).toHaveLength(3);
});
