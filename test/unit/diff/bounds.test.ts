// A question is bounded in what it keeps and answers, few wait, and the instance goes on meanwhile.

import { expect, test } from 'vitest';
import { diffLimits } from '../../../server/diff/diff-report.ts';
import { Differ } from '../../../server/diff/differ.ts';
import { objectOf, podManifest, policyManifest, serviceManifest, type Manifest } from '../../support/kube-objects.ts';
import { changed, hostOf } from '../discovery/cluster-scene.ts';
import { baseManifests, differences, openDiffScene, predicted } from './diff-scene.ts';

const many: readonly Manifest[] = Array.from({ length: 700 }, (_, index) => serviceManifest(`service-${index}`));
const everywhere = policyManifest('DestinationRule', 'all', {
  host: '*.sample.svc.cluster.local',
  trafficPolicy: { connectionPool: { tcp: { maxConnections: 7 } } },
});

test('of more resources than an answer holds the rest is counted', async () => {
  const scene = openDiffScene([...baseManifests, ...many]);
  const report = await scene.ask([{ write: everywhere }]);
  expect(report.resources).toHaveLength(diffLimits.resources);
  expect(report.moreResources).toBeGreaterThan(200);
  expect(report.summary).toContain(`${String(report.resources.length + report.moreResources)} resources differ.`);
});

test('what changes while a question is worked off is no part of its answer', async () => {
  const scene = openDiffScene([...baseManifests, ...many]);
  const rule = policyManifest('VirtualService', 'cart', {
    hosts: ['cart'],
    http: [{ route: [{ destination: { host: 'cart' } }], timeout: '3s' }],
  });
  const answer = scene.ask([{ write: rule }]);
  const state = { isOver: false };
  void answer.then(() => (state.isOver = true));
  for (let turn = 0; !state.isOver; turn += 1) {
    scene.cluster.fold([changed(podManifest(`pod-${turn}`, `10.2.${turn >> 8}.${turn & 255}`, 'web'))]);
    scene.store.flush();
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
  const before = scene.served();
  scene.cluster.fold([changed(rule)]);
  scene.store.flush();
  expect(predicted(await answer)).toEqual(differences(before, scene.served()));
});

test('few questions wait, further ones are refused, and one that nobody waits for any more ends', async () => {
  const scene = openDiffScene();
  const differ = new Differ({
    cache: scene.cache,
    previewCluster: () => scene.cluster.preview(),
    previewMesh: (preview) => scene.store.preview(preview.snapshot()),
  });
  const request = { body: '', prune: false };
  const gone = AbortSignal.abort(new Error('gone'));
  const taken = Array.from({ length: 4 }, (_, index) =>
    differ.ask(request, index === 0 ? gone : new AbortController().signal),
  );
  expect(differ.ask(request, gone)).toBeUndefined();
  const ended = await Promise.allSettled(taken.map((answer) => Promise.resolve(answer)));
  expect(ended.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'fulfilled', 'fulfilled']);
  await expect(differ.ask(request, new AbortController().signal)).resolves.toMatchObject({ changes: false });
});

test('as an API server would assign: a Service keeps its address, an object its age, and a Pod that does not run is passed over', () => {
  const createdAt = '2026-01-01T00:00:00Z';
  const aged = serviceManifest('aged', { clusterIP: '10.0.0.9' }, { createdAt });
  const { cluster } = openDiffScene([...baseManifests, aged]);
  const preview = cluster.preview({ assignedAtMs: 5 });
  const before = cluster.snapshot;
  const { metadata, ...pod } = podManifest('fresh', '', 'web');
  const written = [serviceManifest('aged'), serviceManifest('young')].map(
    (one) => preview.write(objectOf(one)).outcome,
  );
  expect(written).toEqual(['unchanged', 'added']);
  expect(preview.write(objectOf({ ...pod, metadata, status: {} })).outcome).toBe('passed-over');
  const after = preview.snapshot();
  expect(after.services.get(hostOf('aged'))).toEqual(before.services.get(hostOf('aged')));
  expect(after.services.get(hostOf('young'))).toMatchObject({ addresses: [], createdAtMs: 5 });
  expect(cluster.snapshot).toBe(before);
});
