// The source on an API server that does not stream lists, as those of Kubernetes 1.30, 1.31 and 1.33: the promises of every
// source, kept with pages.

import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { KubeSource } from '../../discovery/source/kube/kube-source.ts';
import type { TestObject } from '../support/kube-api.ts';
import { namespaceManifest } from '../support/kube-objects.ts';
import { describeKube } from '../support/describe-kube.ts';
import { startKubeCluster, type KubeCluster } from '../support/kube.ts';
import { SourceListener } from '../support/source-listener.ts';
import { fixtureOn, quick, virtualServices } from './api-server-fixture.ts';
import { describeSource } from './source-contract.ts';

let cluster: KubeCluster;

describeKube('Kubernetes without streaming lists', () => {
  beforeAll(async () => {
    cluster = await startKubeCluster({ apiServerFlags: { 'feature-gates': 'WatchList=false' } });
    await cluster.api.apply(namespaceManifest('sample') as TestObject, virtualServices);
  }, 3_600_000);

  afterAll(async () => {
    await cluster?.stop();
  });

  describeSource('an API server that lists by pages', async () => fixtureOn(cluster));

  it('reads one page after another, without a failure', async () => {
    const names = ['a', 'b', 'c', 'd', 'e'];
    await cluster.api.apply(...names.map((name) => namespaceManifest(name) as TestObject));
    const credentials = { kind: 'file', path: cluster.kubeconfig } as const;
    const source = new KubeSource({ credentials, scope: 'discovery-only', timings: { ...quick, pageSize: 2 } });
    const listener = new SourceListener(source);
    onTestFinished(() => listener.stop());
    await listener.synced();
    for (const name of names) expect([...listener.objects.keys()]).toContain(`Namespace//${name}`);
    await cluster.api.delete(namespaceManifest('b') as TestObject);
    await cluster.api.apply(namespaceManifest('f') as TestObject);
    await listener.hears('the new namespace', () => listener.objects.has('Namespace//f'));
    const { feeds } = source.status();
    expect(feeds.map(({ counts }) => counts.failures)).toEqual(feeds.map(() => 0));
  });
});
