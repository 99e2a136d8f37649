// The watches of the API server source against a server that ends, cuts, garbles and silences them.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { podManifest, serviceManifest } from '../../support/kube-objects.ts';
import { ScriptedKubeApi } from '../../support/scripted-kube-api.ts';
import { waitFor } from '../../support/wait-for.ts';
import { portOf, service, useKubeScene, wire, type KubeScene } from './kube-scene.ts';

const scenes = useKubeScene();
let scene: KubeScene;
beforeEach(() => {
  scene = scenes.current();
});

describe('a watch', () => {
  it('that is cut is resumed from the last resource version', async () => {
    scene.api.put('services', service('one'));
    const { listener } = await scene.opened();
    scene.api.put('services', service('two'));
    await listener.hears('the second', () => listener.objects.has('Service/sample/two'));
    const asked = scene.api.askedFor('services').length;
    scene.api.cutWatches('services');
    scene.api.put('services', service('three'));
    await listener.hears('the third', () => listener.objects.has('Service/sample/three'));
    const resumed = scene.api.askedFor('services').slice(asked);
    expect(resumed.map(({ query }) => [query.has('sendInitialEvents'), query.get('resourceVersion')])).toEqual([
      [false, '102'],
    ]);
    expect(listener.toldOf('one')).toBe(1);
    expect(listener.outages).toEqual([]);
  });

  it('is resumed from a bookmark', async () => {
    const { listener } = await scene.opened();
    scene.api.put('pods', wire(podManifest('p', '10.0.0.1', 'a')));
    await listener.hears('the pod', () => listener.objects.size === 1);
    scene.api.bookmark('services');
    scene.api.endWatches('services');
    // A watch that ends this soon waits a moment before the next.
    const asked = await waitFor(
      () => scene.api.askedFor('services'),
      ({ length }) => length === 2,
      { what: 'another watch' },
    );
    expect(asked[1]?.query.get('resourceVersion')).toBe('101');
  });

  it('whose time is over is opened again at once and nothing is lost in between', async () => {
    const { listener } = await scene.opened({ timings: { backOffFirstMs: 60_000, backOffLongestMs: 60_000 } });
    for (let round = 0; round < 3; round += 1) {
      scene.api.put('services', service(`s${round}`));
      await listener.hears('the object', () => listener.objects.has(`Service/sample/s${round}`));
      scene.api.endWatches('services');
      scene.api.put('services', service(`t${round}`));
      await listener.hears('the object between', () => listener.objects.has(`Service/sample/t${round}`));
    }
    expect(listener.outages).toEqual([]);
  });

  it.each([
    ['by status', (): void => scene.api.cutWatches('services')],
    [
      'inside the stream',
      (): void =>
        scene.api.send('services', `{"type":"ERROR","object":{"kind":"Status","code":410,"message":"too old"}}\n`),
    ],
  ])(
    'whose resource version expired (410 %s) is replaced by a list that tells only the differences',
    async (_where, end) => {
      scene.api.put('services', service('stays'));
      scene.api.put('services', service('goes'));
      const { listener } = await scene.opened();
      scene.api.removeSilently('services', service('goes'));
      scene.api.putSilently('services', service('comes'));
      scene.api.forgetHistory();
      end();
      await listener.hears(
        'the differences',
        () => listener.objects.has('Service/sample/comes') && !listener.objects.has('Service/sample/goes'),
      );
      expect(listener.toldOf('stays')).toBe(1);
      expect(listener.count('synced')).toBe(1);
    },
  );

  it('that ends with half an object loses nothing', async () => {
    const { listener } = await scene.opened();
    scene.api.send('services', '{"type":"ADDED","object":{"apiVersion":"v1","kind":"Serv');
    scene.api.endWatches('services');
    scene.api.put('services', service('whole'));
    await listener.hears('the whole object', () => listener.objects.has('Service/sample/whole'));
    expect(listener.problems).toEqual([]);
  });

  it('that sends the same nonsense again and again is replaced by a list', async () => {
    const { listener } = await scene.opened();
    scene.api.misbehave = (asked, response) => {
      if (asked.resource !== 'services' || asked.query.has('sendInitialEvents')) return false;
      response.write('<html>gateway</html>\n');
      return true;
    };
    scene.api.putSilently('services', service('new'));
    scene.api.cutWatches('services');
    await listener.hears('what the list holds', () => listener.objects.has('Service/sample/new'));
    expect(listener.count('deleted')).toBe(0);
  });

  it('that is silent for too long is opened again', async () => {
    const { listener } = await scene.opened({ timings: { stallMs: 150, probeMs: 60_000 } });
    const before = scene.api.askedFor('services').length;
    await waitFor(
      () => scene.api.askedFor('services').length,
      (count) => count >= before + 2,
      { what: 'new watches' },
    );
    scene.api.put('services', service('one'));
    await listener.hears('the object', () => listener.objects.has('Service/sample/one'));
    expect(listener.count('deleted')).toBe(0);
  });

  it('with an older state than before is replaced by a list', async () => {
    scene.api.put('services', service('lost'));
    const { listener } = await scene.opened();
    scene.api.removeSilently('services', service('lost'));
    scene.api.goBack();
    scene.api.put('services', service('restored'));
    await listener.hears('the restored state', () => listener.objects.has('Service/sample/restored'));
    await listener.hears('the end of the lost one', () => listener.objects.size === 1);
    expect(listener.count('synced')).toBe(1);
  });

  it('that leads to another API server after its file was replaced is a list there, whatever its resource versions', async () => {
    const directory = await mkdtemp(path.join(tmpdir(), 'kube-source-'));
    const other = new ScriptedKubeApi();
    try {
      const file = path.join(directory, 'kubeconfig');
      await writeFile(file, scene.api.kubeconfig);
      scene.api.put('services', service('one'));
      scene.api.put('services', service('lost'));
      const { listener } = await scene.opened({ credentials: { kind: 'file', path: file } });
      await other.start();
      other.goBack();
      other.put('services', service('one'));
      await writeFile(file, other.kubeconfig);
      scene.api.cutWatches('services');
      await listener.hears('the end of the lost one', () => listener.objects.size === 1);
      other.put('services', service('restored'));
      await listener.hears('a change there', () => listener.objects.has('Service/sample/restored'));
      expect(listener.toldOf('one')).toBe(1);
    } finally {
      await other.stop();
      await rm(directory, { recursive: true });
    }
  });

  it('passes over an object that is too large, keeps its last good state and says which it is', async () => {
    scene.api.put('services', service('large'));
    const { listener } = await scene.opened({ timings: { maxObjectBytes: 2_000, relistMs: 300 } });
    const spec = { ports: [{ name: 'http', port: 81 }], note: 'x'.repeat(200_000) };
    scene.api.put('services', wire(serviceManifest('large', spec)));
    scene.api.put('services', service('next'));
    await listener.hears('the next object', () => listener.objects.has('Service/sample/next'));
    await listener.hears('the problem', () => listener.problems.length > 0);
    expect(listener.problems).toMatchObject([{ severity: 'error', code: 'object-too-large' }]);
    expect(listener.problems[0]?.message).toContain('sample/large');
    const asked = scene.api.askedFor('services').length;
    await listener.hears('another list', () => scene.api.askedFor('services').length > asked + 1);
    expect(portOf(listener, 'large')).toBe('80');
    scene.api.put('services', service('large', 82));
    await listener.hears('the object when it is small again', () => portOf(listener, 'large') === '82');
    await listener.hears('no problem', () => listener.problems.length === 0);
    expect(listener.count('deleted')).toBe(0);
  });
});
