// Mesh configuration that the primary's ConfigMap `istio` declares.

import { describe, expect, test } from 'vitest';
import type { Manifest } from '../../support/kube-objects.ts';
import { changed, deleted, syncedCluster } from './cluster-scene.ts';

function meshConfigMap(mesh: string, namespace = 'istio-system'): Manifest {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'istio', namespace }, data: { mesh } };
}

describe('ConfigMap istio of the primary', () => {
  test('sets what it names and leaves the rest at its default', () => {
    const cluster = syncedCluster([meshConfigMap('accessLogFile: /dev/stdout')]);
    expect(cluster.snapshot.meshSettings?.config).toMatchObject({
      accessLogFile: '/dev/stdout',
      outboundTrafficPolicy: 'allow-any',
    });
    expect(cluster.status().problems).toEqual([]);
  });

  test('that can not be read keeps the last good settings and is a finding on the ConfigMap', () => {
    const cluster = syncedCluster([meshConfigMap('accessLogFile: /dev/stdout')]);
    cluster.fold([changed(meshConfigMap('outboundTrafficPolicy: { mode: OPEN }'))]);
    expect(cluster.snapshot.meshSettings?.config.accessLogFile).toBe('/dev/stdout');
    expect(cluster.status().problems).toEqual([
      expect.objectContaining({ severity: 'error', object: 'ConfigMap/istio-system/istio' }),
    ]);
  });

  test('can not change the trust domain that certificates carry, and says so', () => {
    const cluster = syncedCluster([meshConfigMap('trustDomain: other.example\naccessLogFile: /dev/stdout')]);
    expect(cluster.snapshot.meshSettings?.config).toMatchObject({
      trustDomain: 'cluster.local',
      accessLogFile: '/dev/stdout',
    });
    expect(cluster.status().problems).toEqual([
      expect.objectContaining({ code: 'trust-domain-differs', message: expect.stringContaining('--trust-domain') }),
    ]);
  });

  test('that is deleted gives the defaults back', () => {
    const cluster = syncedCluster([meshConfigMap('accessLogFile: /dev/stdout')]);
    cluster.fold([deleted('ConfigMap', 'istio', 'istio-system')]);
    expect(cluster.snapshot.meshSettings).toBeUndefined();
  });

  test.each([
    ['of another namespace', 'default', 'primary'],
    ['of a remote cluster', 'istio-system', 'discovery-only'],
  ] as const)('%s is not the mesh configuration', (_whose, namespace, mode) => {
    const cluster = syncedCluster([meshConfigMap('accessLogFile: /dev/stdout', namespace)], { mode });
    expect(cluster.snapshot.meshSettings).toBeUndefined();
  });
});
