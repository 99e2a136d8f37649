// A remote-cluster Secret: which clusters it declares, what of them is read, and what is wrong with it.

import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import type { ClusterRegistry } from '../../../discovery/registry/cluster-registry.ts';
import { serviceManifest, type Manifest } from '../../support/kube-objects.ts';
import { changed, deleted, syncedCluster } from './cluster-scene.ts';

interface SecretOptions {
  readonly name?: string;
  readonly namespace?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly createdAt?: string;
  readonly labels?: Readonly<Record<string, string>>;
}

const secret = (values: Readonly<Record<string, string>>, options: SecretOptions = {}): Manifest => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: {
    name: options.name ?? 'remotes',
    namespace: options.namespace ?? 'istio-system',
    labels: options.labels ?? { 'istio/multiCluster': 'true' },
    annotations: options.annotations ?? {},
    ...(options.createdAt === undefined ? {} : { creationTimestamp: options.createdAt }),
  },
  stringData: values,
});

const read = (...manifests: readonly Manifest[]): ClusterRegistry => syncedCluster(manifests);
const remotesOf = (cluster: ClusterRegistry) => cluster.snapshot.remoteSecrets ?? [];
const codes = (cluster: ClusterRegistry): readonly string[] => cluster.status().problems.map(({ code }) => code);

describe('a remote-cluster Secret', () => {
  it('declares one cluster a key, from data or stringData', () => {
    const inline = secret({ 'cluster-3': 'three' });
    const encoded = { ...inline, data: { 'cluster-2': Buffer.from('two').toString('base64') } };
    const remotes = remotesOf(read(encoded));
    expect(
      remotes.map(({ clusterId, secretName, kubeconfig }) => [clusterId, secretName, kubeconfig.reveal()]),
    ).toEqual([
      ['cluster-2', 'istio-system/remotes', 'two'],
      ['cluster-3', 'istio-system/remotes', 'three'],
    ]);
  });

  it('says what of the cluster is read, its network, and when it is stale', () => {
    const annotations = {
      'networking.istio.io/cluster': 'cluster-2',
      'topology.istio.io/network': 'network-2',
      'isthmus.io/namespaces': 'shop, checkout',
      'isthmus.io/label-selector': 'team in (a, b), !internal',
      'isthmus.io/stale-policy': 'drop',
      'isthmus.io/stale-after': '1m30s',
    };
    const cluster = read(secret({ 'cluster-2': 'two' }, { annotations }));
    expect(remotesOf(cluster)).toMatchObject([
      {
        network: 'network-2',
        namespaces: ['checkout', 'shop'],
        labelSelector: 'team in (a, b), !internal',
        stalePolicy: 'drop',
        staleAfterMs: 90_000,
      },
    ]);
    expect(codes(cluster)).toEqual([]);
  });

  it('never shows its kubeconfig, however it is printed', () => {
    const cluster = read(secret({ 'cluster-2': 'the-token' }));
    const shown = [
      JSON.stringify(cluster.snapshot),
      inspect(cluster.snapshot, { depth: 9 }),
      String(remotesOf(cluster)[0]?.kubeconfig),
    ];
    expect(shown.join(' ')).not.toContain('the-token');
    expect(remotesOf(cluster)[0]?.kubeconfig.reveal()).toBe('the-token');
  });

  it('is one without the label: then it declares nothing', () => {
    const cluster = read(secret({ 'cluster-2': 'two' }, { labels: {} }));
    expect([remotesOf(cluster), codes(cluster)]).toEqual([[], []]);
  });

  it('declares nothing outside the system namespace, and says so', () => {
    const cluster = read(secret({ 'cluster-2': 'two' }, { namespace: 'team-a' }));
    expect([remotesOf(cluster), codes(cluster)]).toEqual([[], ['wrong-namespace']]);
  });

  it('may name its own cluster, which has no effect on it and none on the others', () => {
    const cluster = read(secret({ 'cluster-1': 'one', 'cluster-2': 'two' }));
    expect(remotesOf(cluster).map(({ clusterId }) => clusterId)).toEqual(['cluster-2']);
    expect(cluster.status().problems).toMatchObject([
      {
        code: 'own-cluster',
        severity: 'warning',
        object: 'Secret/istio-system/remotes',
        field: 'stringData.cluster-1',
      },
    ]);
  });

  it.each([
    ['isthmus.io/stale-policy', 'often', 'invalid-value'],
    ['isthmus.io/stale-after', 'soon', 'invalid-duration'],
    ['networking.istio.io/cluster', 'cluster-9', 'cluster-mismatch'],
  ])('is taken without its %s when that is %s', (name, value, code) => {
    const cluster = read(secret({ 'cluster-2': 'two' }, { annotations: { [name]: value } }));
    expect(remotesOf(cluster)).toHaveLength(1);
    expect(cluster.status().problems).toMatchObject([{ code, severity: 'warning' }]);
  });

  it.each([
    ['isthmus.io/namespaces', 'shop,,'],
    ['isthmus.io/namespaces', 'Shop'],
    ['isthmus.io/label-selector', 'team=a&limit=1'],
    ['isthmus.io/label-selector', ''],
    ['topology.istio.io/network', 'network two'],
  ])('keeps its last good state while its %s is %j', (name, value) => {
    const cluster = read(secret({ 'cluster-2': 'two' }));
    const before = remotesOf(cluster);
    cluster.fold([changed(secret({ 'cluster-2': 'other' }, { annotations: { [name]: value } }))]);
    expect(remotesOf(cluster)).toBe(before);
    expect(cluster.status().problems).toMatchObject([
      { severity: 'error', field: `metadata.annotations["${name}"]`, code: 'invalid-value' },
    ]);
  });

  it('that declares a cluster which an older one declares, too, stands behind it', () => {
    const young = secret({ 'cluster-2': 'young' }, { name: 'a', createdAt: '2026-02-01T00:00:00Z' });
    const old = secret({ 'cluster-2': 'old' }, { name: 'b', createdAt: '2026-01-01T00:00:00Z' });
    const twin = secret({ 'cluster-2': 'twin' }, { name: 'c', createdAt: '2026-01-01T00:00:00Z' });
    for (const order of [
      [young, old, twin],
      [twin, old, young],
    ]) {
      expect(remotesOf(read(...order)).map(({ kubeconfig }) => kubeconfig.reveal())).toEqual(['old', 'twin', 'young']);
    }
  });

  it('that is written again as it was, or beside which something else changes, keeps its reference', () => {
    const cluster = read(secret({ 'cluster-2': 'two' }));
    const before = remotesOf(cluster);
    cluster.fold([changed(secret({ 'cluster-2': 'two' })), changed(serviceManifest('one'))]);
    expect(remotesOf(cluster)).toBe(before);
    cluster.fold([deleted('Secret', 'remotes', 'istio-system')]);
    expect(remotesOf(cluster)).toEqual([]);
  });
});
