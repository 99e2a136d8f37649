// An object that can't be used goes back to the form before it, and comes back when it is declared in another form.

import { describe, expect, test } from 'vitest';
import type { ClusterRegistry } from '../../../discovery/registry/cluster-registry.ts';
import { hostname, objectKey } from '../../../discovery/model/names.ts';
import { objectOf, policyManifest, type Manifest } from '../../support/kube-objects.ts';
import { changed, deleted, plain, syncedCluster } from './cluster-scene.ts';

const key = objectKey('DestinationRule', 'sample', 'store');

function rule(maxConnections: number, annotations: Readonly<Record<string, string>> = {}): Manifest {
  const spec = { host: 'store', trafficPolicy: { connectionPool: { tcp: { maxConnections } } } };
  return {
    ...policyManifest('DestinationRule', 'store', spec),
    metadata: { name: 'store', namespace: 'sample', annotations },
  };
}

const edit = (cluster: ClusterRegistry, manifest: Manifest): void => cluster.fold([changed(manifest)]);

function inForce(cluster: ClusterRegistry): number | undefined {
  const policy = cluster.snapshot.policies.get(key);
  return policy?.kind === 'DestinationRule' ? policy.trafficPolicy.connectionPool?.maxConnections : undefined;
}

describe('an object that is held back', () => {
  test('is in force as it was before, and nothing else is touched', () => {
    const cluster = syncedCluster([rule(1), policyManifest('Sidecar', 'default', {})]);
    const before = plain(cluster.snapshot);
    edit(cluster, rule(2));
    expect(inForce(cluster)).toBe(2);
    expect(cluster.holdBack(key)).toBe('earlier');
    expect(plain(cluster.snapshot)).toEqual(before);
    expect(cluster.heldBack(key)).toBe('earlier');
  });

  test('is left out when it is new, or was not edited since the start', () => {
    const cluster = syncedCluster([]);
    edit(cluster, rule(1));
    expect(cluster.holdBack(key)).toBe('none');
    expect(inForce(cluster)).toBeUndefined();
    const other = syncedCluster([rule(1)]);
    expect(other.holdBack(key)).toBe('none');
    expect(inForce(other)).toBeUndefined();
  });

  test('stays held back while it is told in the same form, wherever in its file it stands', () => {
    const cluster = syncedCluster([rule(1)]);
    edit(cluster, rule(2));
    cluster.holdBack(key);
    const again = objectOf(rule(2));
    cluster.fold([{ kind: 'changed', object: { ...again, origin: { place: 'rules.yaml', line: 12 } } }]);
    expect(inForce(cluster)).toBe(1);
    expect(cluster.heldBack(key)).toBe('earlier');
  });

  test('is tried again in another form, which goes back to the form that was in force', () => {
    const cluster = syncedCluster([rule(1)]);
    edit(cluster, rule(2));
    cluster.holdBack(key);
    edit(cluster, rule(3));
    expect(inForce(cluster)).toBe(3);
    expect(cluster.heldBack(key)).toBeUndefined();
    expect(cluster.holdBack(key)).toBe('earlier');
    expect(inForce(cluster)).toBe(1);
  });

  test('is tried again as it is when its annotation says so', () => {
    const cluster = syncedCluster([rule(1)]);
    edit(cluster, rule(2));
    cluster.holdBack(key);
    edit(cluster, rule(2, { 'example.com/note': 'of no concern' }));
    expect(inForce(cluster)).toBe(1);
    edit(cluster, rule(2, { 'isthmus.io/try-again': '1' }));
    expect(inForce(cluster)).toBe(2);
    expect(cluster.holdBack(key)).toBe('earlier');
    edit(cluster, rule(2, { 'isthmus.io/try-again': '1' }));
    expect(inForce(cluster)).toBe(1);
  });

  test('is forgotten when it is deleted', () => {
    const cluster = syncedCluster([rule(1)]);
    edit(cluster, rule(2));
    cluster.holdBack(key);
    cluster.fold([deleted('DestinationRule', 'store')]);
    expect(inForce(cluster)).toBeUndefined();
    expect(cluster.heldBack(key)).toBeUndefined();
    edit(cluster, rule(2));
    expect(inForce(cluster)).toBe(2);
  });

  test('is left out when its earlier form can not be used either, and then there is nothing left', () => {
    const cluster = syncedCluster([rule(1)]);
    edit(cluster, rule(2));
    expect(cluster.holdBack(key)).toBe('earlier');
    expect(cluster.holdBack(key)).toBe('none');
    expect(inForce(cluster)).toBeUndefined();
    expect(cluster.holdBack(key)).toBeUndefined();
    edit(cluster, rule(1));
    expect(inForce(cluster)).toBe(1);
  });

  test('is in force again when it is released', () => {
    const cluster = syncedCluster([rule(1)]);
    edit(cluster, rule(2));
    cluster.holdBack(key);
    cluster.release(key);
    expect(inForce(cluster)).toBe(2);
    expect(cluster.heldBack(key)).toBeUndefined();
  });

  test('keeps its form when it is refused meanwhile', () => {
    const cluster = syncedCluster([rule(1)]);
    edit(cluster, rule(2));
    cluster.holdBack(key);
    edit(cluster, policyManifest('DestinationRule', 'store', { host: 7 }));
    expect(inForce(cluster)).toBe(1);
    edit(cluster, rule(2));
    expect(inForce(cluster)).toBe(1);
  });
});

test('a ServiceEntry goes back to its earlier hosts', () => {
  const entry = (host: string): Manifest =>
    policyManifest('ServiceEntry', 'outside', {
      hosts: [host],
      resolution: 'DNS',
      ports: [{ number: 80, name: 'http', protocol: 'HTTP' }],
    });
  const cluster = syncedCluster([entry('a.example.com')]);
  edit(cluster, entry('b.example.com'));
  const outside = objectKey('ServiceEntry', 'sample', 'outside');
  expect(cluster.holdBack(outside)).toBe('earlier');
  expect([...(cluster.snapshot.serviceEntries?.keys() ?? [])]).toEqual([hostname('a.example.com')]);
});
