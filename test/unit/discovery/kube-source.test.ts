// The API server source: what it tells of what a server holds, and how it starts, shows itself and stops.

import { beforeEach, describe, expect, it } from 'vitest';
import { KubeSource } from '../../../discovery/source/kube/kube-source.ts';
import { podManifest } from '../../support/kube-objects.ts';
import { refuse } from '../../support/scripted-kube-api.ts';
import { waitFor } from '../../support/wait-for.ts';
import { portOf, service, useKubeScene, wire, type KubeScene } from './kube-scene.ts';

const scenes = useKubeScene();
let scene: KubeScene;
beforeEach(() => {
  scene = scenes.current();
});

describe('what an API server holds', () => {
  it('is told by pages where the server can not stream a list', async () => {
    scene.api.canStreamList = false;
    for (let index = 0; index < 5; index += 1) scene.api.put('services', service(`s${index}`));
    const { listener } = await scene.opened({ timings: { pageSize: 2 } });
    expect(listener.objects.size).toBe(5);
    const lists = scene.api.askedFor('services').filter(({ query }) => query.has('limit'));
    expect(lists.map(({ query }) => query.get('continue'))).toEqual([null, '2', '4']);
    scene.api.put('services', service('later'));
    await listener.hears('a later one', () => listener.objects.has('Service/sample/later'));
  });

  it('is told in batches that are bounded', async () => {
    for (let index = 0; index < 2_500; index += 1) scene.api.put('services', service(`s${index}`));
    const { listener } = await scene.opened();
    expect(listener.objects.size).toBe(2_500);
    expect(Math.max(...listener.batches.map((batch) => batch.length))).toBeLessThanOrEqual(1_001);
  });

  it('is told without what is never read', async () => {
    const pod = podManifest('p', '10.0.0.1', 'app', {
      annotations: {
        'kubectl.kubernetes.io/last-applied-configuration': 'x'.repeat(5_000),
        'sidecar.istio.io/status': '{}',
      },
    });
    const { metadata, spec, status } = pod as { metadata: object; spec: object; status: object };
    scene.api.put('pods', {
      ...pod,
      metadata: { ...metadata, name: 'p', namespace: 'sample', managedFields: [{ manager: 'kubelet' }] },
      spec: { ...spec, volumes: [{ name: 'v' }], nodeName: 'n1' },
      status: {
        ...status,
        containerStatuses: [{ image: 'i' }],
        conditions: [{ type: 'Ready', status: 'True', message: 'm' }],
      },
    });
    const { listener } = await scene.opened();
    const object = listener.objects.get('Pod/sample/p');
    expect(object?.metadata.annotations).toEqual({ 'sidecar.istio.io/status': '{}' });
    expect(object?.body).toEqual({
      spec: {
        serviceAccountName: 'app',
        nodeName: 'n1',
        containers: [{ ports: [{ name: 'web', containerPort: 8080 }] }],
      },
      status: { podIP: '10.0.0.1', conditions: [{ type: 'Ready', status: 'True' }] },
    });
  });

  it('is compared with a new list from time to time: only what differs is told', async () => {
    scene.api.put('services', service('same'));
    scene.api.put('services', service('changes'));
    scene.api.put('services', service('goes'));
    const { listener, source } = await scene.opened({ timings: { relistMs: 100 } });
    scene.api.putSilently('services', service('changes', 81));
    scene.api.removeSilently('services', service('goes'));
    await listener.hears('the deletion nobody told', () => !listener.objects.has('Service/sample/goes'));
    await listener.hears('the change nobody told', () => portOf(listener, 'changes') === '81');
    const lists = (): number => source.status().feeds.find(({ kind }) => kind === 'Service')?.counts.lists ?? 0;
    const before = lists();
    await listener.hears('more lists', () => lists() > before + 2);
    expect(listener.toldOf('same')).toBe(1);
    expect(listener.toldOf('changes')).toBe(2);
    expect(listener.count('deleted')).toBe(1);
    expect(listener.outages).toEqual([]);
  });

  it('is not told again when only the resource version moved', async () => {
    scene.api.put('services', service('one'));
    const { listener } = await scene.opened();
    scene.api.put('services', service('one'));
    scene.api.put('services', service('two'));
    await listener.hears('the other', () => listener.objects.has('Service/sample/two'));
    expect(listener.toldOf('one')).toBe(1);
  });
});

describe('a kind that is not installed', () => {
  const gateway = wire({
    apiVersion: 'gateway.networking.k8s.io/v1beta1',
    kind: 'Gateway',
    metadata: { name: 'g', namespace: 'sample' },
    spec: {},
  });

  it('is picked up when it appears, in the preferred version of those that are served', async () => {
    const { listener } = await scene.opened();
    scene.api.put('gateways', gateway);
    scene.api.installed = {
      'gateway.networking.k8s.io/v1alpha2': ['gateways'],
      'gateway.networking.k8s.io/v1beta1': ['gateways'],
    };
    await listener.hears('the gateway', () => listener.objects.has('Gateway.gateway.networking.k8s.io/sample/g'));
    expect(scene.api.askedFor('gateways').map(({ path }) => path)).toEqual([
      '/apis/gateway.networking.k8s.io/v1beta1/gateways',
    ]);
  });

  it('loses its objects only when it stays away', async () => {
    scene.api.put('gateways', gateway);
    scene.api.installed = { 'gateway.networking.k8s.io/v1beta1': ['gateways'] };
    const { listener, source } = await scene.opened();
    expect(listener.objects.has('Gateway.gateway.networking.k8s.io/sample/g')).toBe(true);
    scene.api.installed = {};
    scene.api.cutWatches('gateways');
    const phase = (): string | undefined => source.status().feeds.find(({ kind }) => kind === 'Gateway')?.phase;
    await listener.hears('the absence', () => phase() === 'absent');
    expect(listener.count('deleted')).toBe(0);
    await listener.hears('the deletion', () => !listener.objects.has('Gateway.gateway.networking.k8s.io/sample/g'));
  });

  it('keeps its objects when it was denied only for a moment, and is soon looked for again', async () => {
    scene.api.put('gateways', gateway);
    scene.api.installed = { 'gateway.networking.k8s.io/v1beta1': ['gateways'] };
    const { listener, source } = await scene.opened({ timings: { rediscoverMs: 3_600_000, absentGraceMs: 3_600_000 } });
    const installed = scene.api.installed;
    const phase = (): string | undefined => source.status().feeds.find(({ kind }) => kind === 'Gateway')?.phase;
    scene.api.installed = {};
    scene.api.cutWatches('gateways');
    await listener.hears('the absence', () => phase() === 'absent');
    scene.api.installed = installed;
    await listener.hears('the watch', () => phase() === 'watching');
    expect(listener.count('deleted')).toBe(0);
    expect(listener.toldOf('g')).toBe(1);
  });
});

describe('a source', () => {
  it('reports an object that is wrong, keeps its last good state and takes the report back when it is mended', async () => {
    scene.api.put('services', service('one'));
    const { listener } = await scene.opened();
    scene.api.put('services', {
      ...service('one', 81),
      metadata: { name: 'one', namespace: 'sample', labels: { team: 'red team!' } },
    });
    await listener.hears('the problem', () => listener.problems.length === 1);
    expect(listener.problems).toMatchObject([{ code: 'invalid-label', object: 'Service/sample/one' }]);
    expect(portOf(listener, 'one')).toBe('80');
    scene.api.put('services', service('one', 82));
    await listener.hears('no problem', () => listener.problems.length === 0);
    expect(portOf(listener, 'one')).toBe('82');
  });

  it('shows how each kind is doing', async () => {
    scene.api.put('services', service('one'));
    const { source, listener } = await scene.opened();
    scene.api.put('services', service('two'));
    await listener.hears('the second', () => listener.objects.size === 2);
    const status = source.status();
    expect(status).toMatchObject({ connected: true, synced: true, objects: 2, error: undefined });
    const services = status.feeds.find(({ kind }) => kind === 'Service');
    expect(services).toMatchObject({
      feed: 'services',
      phase: 'watching',
      objects: 2,
      counts: { lists: 1, events: 2 },
    });
    expect(Date.now() - (services?.lastEventAtMs ?? 0)).toBeLessThan(5_000);
  });

  it('has closed every connection when it has stopped, also in the middle of a pause', async () => {
    scene.failing('nodes', 1_000, (response) => refuse(response, 500, 'no'));
    const { listener, source } = scene.open({ timings: { backOffFirstMs: 60_000, backOffLongestMs: 60_000 } });
    await waitFor(
      () => source.status().feeds.map(({ phase }) => phase),
      (phases) => phases.includes('failing') && phases.includes('watching'),
      { what: 'a kind that waits beside one that is followed' },
    );
    await listener.stop();
    const left = await waitFor(
      () => scene.api.openSockets,
      (count) => count === 0,
      { what: 'no connection' },
    );
    expect(left).toBe(0);
  });

  it('stops at once although a program that gives credentials hangs', async () => {
    const exec = { apiVersion: 'client.authentication.k8s.io/v1', command: 'sleep', args: ['60'] };
    const { listener, source } = scene.open({
      credentials: { kind: 'text', kubeconfig: scene.api.kubeconfigWith({ exec }) },
      allow: { programs: true },
    });
    const beganAtMs = performance.now();
    await listener.stop();
    expect(performance.now() - beganAtMs).toBeLessThan(15_000);
    expect(source.status().connected).toBeUndefined();
  });

  it('ends with the error of a receiver that throws, having closed everything', async () => {
    const source = new KubeSource({
      credentials: { kind: 'text', kubeconfig: scene.api.kubeconfig },
      scope: 'discovery-only',
    });
    const run = source.run(() => {
      throw new Error('the receiver is broken');
    }, new AbortController().signal);
    await expect(run).rejects.toThrow('the receiver is broken');
  });

  it('tells everything again in a second run', async () => {
    scene.api.put('services', service('one'));
    const { source, listener } = await scene.opened();
    await listener.stop();
    const second = scene.listen(source);
    await second.synced();
    expect([...second.objects.keys()]).toEqual(['Service/sample/one']);
  });

  it('for discovery only asks for nothing but services, endpoints and where they are', async () => {
    await scene.opened();
    const places = new Set(scene.api.asked.map((asked) => asked.path));
    expect([...places].toSorted()).toEqual([
      '/api/v1/namespaces',
      '/api/v1/nodes',
      '/api/v1/pods',
      '/api/v1/services',
      '/apis/discovery.k8s.io/v1/endpointslices',
      '/apis/gateway.networking.k8s.io',
    ]);
  });
});
