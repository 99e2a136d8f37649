// Endpoints of a remote whose Pods may not be read: whether they speak mesh TLS is known from their namespace.

import { describe, expect, it } from 'vitest';
import {
  namespaceManifest,
  podManifest,
  serviceManifest,
  sliceManifest,
  type Manifest,
} from '../../support/kube-objects.ts';
import { changed, deleted, hostOf, syncedCluster, type SceneOptions } from './cluster-scene.ts';

const remote = { id: 'cluster-2', mode: 'discovery-only' } as const;
const one = serviceManifest('one');

/** A slice as the API server's controller writes it: every endpoint names its Pod. */
function slice(labels: Readonly<Record<string, string>> = {}): Manifest {
  const manifest = sliceManifest('one-a', 'one', []);
  const endpoints = [{ addresses: ['10.0.0.1'], targetRef: { kind: 'Pod', name: 'one-1', namespace: 'sample' } }];
  const metadata = {
    ...(manifest['metadata'] as Manifest),
    labels: { 'kubernetes.io/service-name': 'one', ...labels },
  };
  return { ...manifest, metadata, endpoints };
}

function tlsModes(manifests: readonly Manifest[], options: SceneOptions = remote): readonly string[] {
  const { snapshot } = syncedCluster(manifests, options);
  return (snapshot.endpoints.get(hostOf('one')) ?? []).map(({ tlsMode }) => tlsMode);
}

describe('an endpoint whose Pod is not readable', () => {
  it.each([
    ['istio-injection=enabled', { 'istio-injection': 'enabled' }, 'istio'],
    ['a revision', { 'istio.io/rev': 'stable' }, 'istio'],
    [
      'a revision and istio-injection=disabled',
      { 'istio.io/rev': 'stable', 'istio-injection': 'disabled' },
      'disabled',
    ],
    ['no label', {}, 'disabled'],
  ])('in a namespace with %s', (_name, labels, tlsMode) => {
    expect(tlsModes([namespaceManifest('sample', labels), one, slice()])).toEqual([tlsMode]);
  });

  it('follows a change of the namespace, and its end', () => {
    const cluster = syncedCluster([one, slice()], remote);
    const mode = () => cluster.snapshot.endpoints.get(hostOf('one'))?.[0]?.tlsMode;
    expect(mode()).toBe('disabled');
    cluster.fold([changed(namespaceManifest('sample', { 'istio-injection': 'enabled' }))]);
    expect(mode()).toBe('istio');
    cluster.fold([deleted('Namespace', 'sample', '')]);
    expect(mode()).toBe('disabled');
  });

  it('is what its slice or its Pod says where they say it', () => {
    const injected = namespaceManifest('sample', { 'istio-injection': 'enabled' });
    expect(tlsModes([injected, one, slice({ 'security.istio.io/tlsMode': 'disabled' })])).toEqual(['disabled']);
    const optedOut = podManifest('one-1', '10.0.0.1', 'one', { labels: { 'security.istio.io/tlsMode': 'disabled' } });
    expect(tlsModes([injected, one, slice(), optedOut])).toEqual(['disabled']);
  });

  it('is not taken for one of the mesh when no Pod stands behind it, or in the primary, whose Pods are read', () => {
    const injected = namespaceManifest('sample', { 'istio-injection': 'enabled' });
    expect(tlsModes([injected, one, sliceManifest('one-a', 'one', ['10.0.0.1'])])).toEqual(['disabled']);
    expect(tlsModes([injected, one, slice()], { mode: 'primary' })).toEqual(['disabled']);
  });
});
