// What merging the clusters promises: sameness by namespace, tolerance of differing ports, order-freedom, exact withdrawal.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rootConditions, rootFingerprints } from '../../../discovery/mesh/root-conditions.ts';
import { MeshStore, type ClusterFeed } from '../../../discovery/mesh/mesh-store.ts';
import type { ChangeSet } from '../../../discovery/model/change-set.ts';
import { defaultMeshConfig, type MeshNetworks } from '../../../discovery/model/mesh-config.ts';
import type { MeshSnapshot } from '../../../discovery/model/mesh-snapshot.ts';
import { clusterId, hostname, networkId } from '../../../discovery/model/names.ts';
import {
  policyManifest,
  serviceManifest,
  sliceManifest,
  podManifest,
  type Manifest,
} from '../../support/kube-objects.ts';
import { changed, deleted, entriesOf, hostOf, openCluster, syncedCluster } from './cluster-scene.ts';

interface Mesh {
  readonly store: MeshStore;
  readonly changes: ChangeSet[];
  readonly retired: ClusterFeed[];
  settle(): void;
}

function openMesh(options: { meshNetworks?: MeshNetworks } = {}): Mesh {
  const pending: (() => void)[] = [];
  const changes: ChangeSet[] = [];
  const retired: ClusterFeed[] = [];
  const store = new MeshStore({
    primary: clusterId('cluster-1'),
    config: defaultMeshConfig,
    schedule: (run) => pending.push(run),
    onRetired: (feed) => retired.push(feed),
    ...options,
  });
  store.onChange((_snapshot, change) => changes.push(change));
  const settle = (): void => {
    for (const run of pending.splice(0)) run();
  };
  return { store, changes, retired, settle };
}

function merged(...clusters: readonly ClusterFeed[]): Mesh {
  const mesh = openMesh();
  for (const cluster of clusters) mesh.store.add(cluster);
  mesh.settle();
  return mesh;
}

const remote = (manifests: readonly Manifest[], id = 'cluster-2') =>
  syncedCluster(manifests, { id, mode: 'discovery-only', network: `net-${id}` });
const service = (port: Manifest, extra: Manifest = {}) => serviceManifest('one', { ports: [port], ...extra });
const slice = (address: string, port = 'http') =>
  sliceManifest('one-a', 'one', [address], { ports: [{ name: port, port: 8080 }] });

describe('a host that several clusters declare', () => {
  it('is one service with the endpoints of all, and each cluster its own virtual IPs', () => {
    const { store } = merged(
      remote([service({ name: 'http', port: 80 }, { clusterIP: '10.2.0.1' }), slice('10.0.2.1')]),
      syncedCluster([service({ name: 'http', port: 80 }, { clusterIP: '10.1.0.1' }), slice('10.0.1.1')]),
    );
    const one = store.snapshot.services.get(hostOf('one'));
    expect(one).toMatchObject({ clusters: ['cluster-1', 'cluster-2'], conflicts: [] });
    expect([...(one?.addresses ?? [])]).toEqual([
      ['cluster-1', ['10.1.0.1']],
      ['cluster-2', ['10.2.0.1']],
    ]);
    const endpoints = store.snapshot.endpoints.get(hostOf('one')) ?? [];
    expect(endpoints.map(({ clusterId: cluster, address }) => [cluster, address])).toEqual([
      ['cluster-1', '10.0.1.1'],
      ['cluster-2', '10.0.2.1'],
    ]);
  });

  it('is what the primary says where clusters disagree, whatever their names', () => {
    const { store } = merged(
      remote([service({ name: 'tcp', port: 80 }, { clusterIP: 'None' })], 'cluster-0'),
      syncedCluster([service({ name: 'http', port: 80 })]),
    );
    expect(store.snapshot.services.get(hostOf('one'))).toMatchObject({
      kind: 'cluster-ip',
      clusters: ['cluster-1', 'cluster-0'],
      ports: [{ name: 'http', protocol: 'http' }],
    });
  });

  it('is not the same as one of another namespace', () => {
    const { store } = merged(
      syncedCluster([serviceManifest('one')]),
      remote([serviceManifest('one', {}, { namespace: 'other' })]),
    );
    expect(store.snapshot.services.size).toBe(2);
  });

  it('tolerates other names of a port when number and protocol agree', () => {
    const { store } = merged(
      syncedCluster([service({ name: 'http', port: 80 }), slice('10.0.1.1')]),
      remote([service({ name: 'http-web', port: 80 }), slice('10.0.2.1', 'http-web')]),
    );
    expect(store.snapshot.services.get(hostOf('one'))).toMatchObject({
      ports: [{ name: 'http', port: 80 }],
      conflicts: [],
    });
    expect(store.snapshot.endpoints.get(hostOf('one'))?.map(({ ports }) => ports)).toEqual([
      { http: 8080 },
      { http: 8080 },
    ]);
  });

  it('leaves out, and records, a port that speaks another protocol elsewhere', () => {
    const { store } = merged(
      syncedCluster([service({ name: 'http', port: 80 }), slice('10.0.1.1')]),
      remote([service({ name: 'tcp', port: 80 }), slice('10.0.2.1', 'tcp')]),
    );
    expect(store.snapshot.services.get(hostOf('one'))).toMatchObject({
      ports: [{ name: 'http', port: 80, protocol: 'http' }],
      conflicts: [{ port: 80, clusterId: 'cluster-2' }],
    });
    expect(store.snapshot.endpoints.get(hostOf('one'))?.map(({ ports }) => ports)).toEqual([{ http: 8080 }, {}]);
  });

  it('has the ports of all, and an endpoint only its own, even when two numbers share a name', () => {
    const { store } = merged(
      syncedCluster([service({ name: 'http', port: 80 }), slice('10.0.1.1')]),
      remote([service({ name: 'http', port: 81 }), slice('10.0.2.1')]),
    );
    const one = store.snapshot.services.get(hostOf('one'));
    expect(one?.ports.map(({ name, port }) => [name, port])).toEqual([
      ['http', 80],
      ['http-81', 81],
    ]);
    expect(one?.conflicts).toMatchObject([
      { port: 81, clusterId: 'cluster-2', message: expect.stringContaining('here it is "http-81"') },
      { port: 81, clusterId: 'cluster-1', message: expect.stringContaining('does not have port 81') },
      { port: 80, clusterId: 'cluster-2', message: expect.stringContaining('does not have port 80') },
    ]);
    expect(store.snapshot.endpoints.get(hostOf('one'))?.map(({ ports }) => ports)).toEqual([
      { http: 8080 },
      { 'http-81': 8080 },
    ]);
  });

  it('with other ports in a remote is a condition of that remote until they agree', () => {
    const web = { name: 'http', port: 80 };
    const other = remote([service({ name: 'admin', port: 81 }), slice('10.0.2.1', 'admin')]);
    const mesh = merged(syncedCluster([service(web), slice('10.0.1.1')]), other);
    const one = mesh.store.snapshot.services.get(hostOf('one'));
    expect(one?.ports.map(({ name, port }) => [name, port])).toEqual([
      ['http', 80],
      ['admin', 81],
    ]);
    expect(mesh.store.snapshot.endpoints.get(hostOf('one'))?.map(({ ports }) => ports)).toEqual([
      { http: 8080 },
      { admin: 8080 },
    ]);
    const conditions = () => mesh.store.clusterStatuses().map((status) => status.conditions);
    expect(conditions()).toMatchObject([
      [],
      [{ name: 'ports-differ', message: expect.stringContaining('one.sample.svc.cluster.local') }],
    ]);
    other.fold([changed(service(web))]);
    mesh.settle();
    expect(conditions()).toEqual([[], []]);
  });

  it('is withdrawn with its cluster, exactly', () => {
    const mesh = merged(
      syncedCluster([service({ name: 'http', port: 80 }), slice('10.0.1.1')]),
      remote([service({ name: 'http', port: 80 }), slice('10.0.2.1'), serviceManifest('two')]),
    );
    mesh.store.remove(clusterId('cluster-2'));
    mesh.settle();
    expect([...mesh.store.snapshot.services.keys()]).toEqual([hostOf('one')]);
    expect(mesh.store.snapshot.endpoints.get(hostOf('one'))?.map(({ address }) => address)).toEqual(['10.0.1.1']);
    expect(mesh.changes.at(-1)).toMatchObject({ services: new Set([hostOf('one'), hostOf('two')]), everything: false });
  });
});

describe('the mesh', () => {
  it('tells several batches of one turn as one change', () => {
    const cluster = syncedCluster([serviceManifest('one'), serviceManifest('two')]);
    const mesh = merged(cluster);
    mesh.changes.length = 0;
    cluster.fold([changed(podManifest('p', '10.0.0.1', 'one'))]);
    cluster.fold([changed(podManifest('q', '10.0.0.2', 'two'))]);
    expect(mesh.changes).toHaveLength(0);
    mesh.settle();
    expect(mesh.changes.map(({ endpoints }) => endpoints)).toEqual([new Set([hostOf('one'), hostOf('two')])]);
  });

  it('tells nothing when nothing came of a turn', () => {
    const cluster = syncedCluster([serviceManifest('one')]);
    const mesh = merged(cluster);
    mesh.changes.length = 0;
    const before = mesh.store.snapshot;
    cluster.fold([changed(podManifest('p', '10.0.0.1', 'one'))]);
    cluster.fold([deleted('Pod', 'p')]);
    mesh.settle();
    expect(mesh.changes).toEqual([]);
    expect(mesh.store.snapshot).toBe(before);
  });

  it('goes on with the old registry of a cluster until the new one has synced', () => {
    const old = remote([serviceManifest('one'), sliceManifest('a', 'one', ['10.0.2.1'])]);
    const mesh = merged(syncedCluster([]), old);
    const next = openCluster({ id: 'cluster-2', mode: 'discovery-only', generation: 1 });
    mesh.store.add(next);
    next.fold([{ kind: 'connected' }, changed(serviceManifest('one'))]);
    mesh.settle();
    expect(mesh.store.snapshot.endpoints.get(hostOf('one'))).toHaveLength(1);
    expect(mesh.retired).toEqual([]);
    next.fold([changed(sliceManifest('a', 'one', ['10.0.2.2'])), { kind: 'synced' }]);
    mesh.settle();
    expect(mesh.store.snapshot.endpoints.get(hostOf('one'))).toMatchObject([{ address: '10.0.2.2' }]);
    expect(mesh.retired).toEqual([old]);
  });

  it('takes policies of the primary and files them by host and age', () => {
    const route = (name: string, hosts: string[], createdAt: string) =>
      policyManifest(
        'VirtualService',
        name,
        { hosts, http: [{ route: [{ destination: { host: 'one' } }] }] },
        { createdAt },
      );
    const cluster = syncedCluster([
      route('young', ['one'], '2026-02-01T00:00:00Z'),
      route('old', ['one', '*.example.com'], '2026-01-01T00:00:00Z'),
      policyManifest('DestinationRule', 'rule', { host: 'one' }),
    ]);
    const mesh = merged(cluster);
    const { policies } = mesh.store.snapshot;
    expect(policies.virtualServices.get(hostOf('one'))?.map(({ name }) => name)).toEqual(['old', 'young']);
    expect(policies.wildcardVirtualServices.map(({ name }) => name)).toEqual(['old']);
    expect(policies.destinationRules.get(hostOf('one'))).toHaveLength(1);
    cluster.fold([deleted('VirtualService', 'old')]);
    mesh.settle();
    expect(mesh.store.snapshot.policies.virtualServices.get(hostOf('one'))?.map(({ name }) => name)).toEqual(['young']);
    expect(mesh.store.snapshot.policies.wildcardVirtualServices).toEqual([]);
    expect(mesh.store.snapshot.policies.destinationRules).toBe(policies.destinationRules);
    expect([...(mesh.changes.at(-1)?.policies ?? [])]).toEqual(['VirtualService/sample/old']);
  });

  it('keeps the built-in hosts inside their cluster unless its configuration says otherwise', () => {
    const mesh = merged(
      syncedCluster([serviceManifest('dns', {}, { namespace: 'kube-system' }), serviceManifest('one')]),
    );
    const isLocal = (host: string) => mesh.store.snapshot.services.get(hostname(host))?.clusterLocal;
    expect([isLocal('dns.kube-system.svc.cluster.local'), isLocal(hostOf('one'))]).toEqual([true, false]);
    mesh.store.updateConfig({
      ...defaultMeshConfig,
      clusterLocalHosts: [
        { host: hostname('dns.kube-system.svc.cluster.local'), clusterLocal: false },
        { host: hostname('*.sample.svc.cluster.local'), clusterLocal: true },
      ],
    });
    mesh.settle();
    expect([isLocal('dns.kube-system.svc.cluster.local'), isLocal(hostOf('one'))]).toEqual([false, true]);
    expect(mesh.changes.at(-1)?.everything).toBe(true);
  });

  it('groups the gateways of all clusters and of MeshNetworks by network', () => {
    const gateway = serviceManifest(
      'gw',
      { externalIPs: ['192.0.2.2'] },
      { labels: { 'topology.istio.io/network': 'n2' } },
    );
    const mesh = openMesh({
      meshNetworks: {
        networks: [
          {
            network: networkId('n3'),
            fromRegistries: [clusterId('cluster-3')],
            fromCidrs: [],
            gateways: [{ kind: 'address', address: '192.0.2.3', port: 443 }],
          },
        ],
      },
    });
    mesh.store.add(remote([gateway]));
    mesh.settle();
    expect(Object.fromEntries(mesh.store.snapshot.gateways)).toEqual({
      n2: [{ network: 'n2', clusterId: 'cluster-2', address: '192.0.2.2', port: 15_443 }],
      n3: [{ network: 'n3', clusterId: 'cluster-3', address: '192.0.2.3', port: 443 }],
    });
  });

  it('lists the status of clusters, the primary first, with the condition of a foreign root', () => {
    const pem = (text: string) =>
      `-----BEGIN CERTIFICATE-----\n${Buffer.from(text).toString('base64')}\n-----END CERTIFICATE-----\n`;
    const roots = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'istio-ca-root-cert', namespace: 'istio-system' },
      data: { 'root-cert.pem': pem('theirs') },
    };
    const mesh = merged(remote([roots], 'cluster-0'), syncedCluster([roots]));
    mesh.store.setOwnRoots(pem('ours'));
    expect(
      mesh.store.clusterStatuses().map((status) => [status.clusterId, status.conditions.map(({ name }) => name)]),
    ).toEqual([
      ['cluster-1', []],
      ['cluster-0', ['root-mismatch']],
    ]);
    expect(mesh.store.status().problemObjects.size).toBe(0);
    expect(rootConditions(pem('theirs') + pem('ours'), pem('ours'))).toEqual([]);
    expect(rootConditions('garbage', pem('ours'))).toMatchObject([{ name: 'root-unreadable' }]);
    const [ours = ''] = rootFingerprints(pem('ours'));
    const [theirs = ''] = rootFingerprints(pem('theirs'));
    expect(rootConditions(`${theirs},${ours}`, pem('ours'))).toEqual([]);
    expect(rootConditions(theirs, pem('ours'))).toMatchObject([{ name: 'root-mismatch' }]);
  });
});

describe('merging', () => {
  const name = fc.constantFrom('a', 'b');
  const port = fc.record({ name: fc.constantFrom('http', 'http-x', 'tcp'), port: fc.constantFrom(80, 81) });
  const event = fc.oneof(
    fc.record({ name, port }).map((it) => changed(serviceManifest(it.name, { ports: [it.port] }))),
    fc
      .record({ name, last: fc.integer({ min: 1, max: 3 }), port })
      .map((it) =>
        changed(
          sliceManifest(it.name, it.name, [`10.0.0.${it.last}`], { ports: [{ name: it.port.name, port: 8080 }] }),
        ),
      ),
    name.map((it) => deleted('Service', it)),
    name.map((it) => deleted('EndpointSlice', it)),
  );
  const ids = ['cluster-1', 'cluster-2', 'cluster-3'] as const;
  const contentOf = ({ services, endpoints, gateways }: MeshSnapshot) => ({
    services: entriesOf(services),
    endpoints: entriesOf(endpoints),
    gateways: [...gateways],
  });

  it('step by step, in any order of clusters, gives what merging everything at once gives', () => {
    const steps = fc.array(fc.record({ id: fc.constantFrom(...ids), event, settles: fc.boolean() }), { maxLength: 20 });
    fc.assert(
      fc.property(steps, fc.shuffledSubarray([...ids], { minLength: 3 }), (all, order) => {
        const clusters = new Map(order.map((id) => [id, syncedCluster([], { id })]));
        const mesh = merged(...clusters.values());
        let told = contentOf(mesh.store.snapshot);
        mesh.store.onChange((snapshot) => {
          told = contentOf(snapshot);
        });
        for (const { id, event: step, settles } of all) {
          clusters.get(id)?.fold([step]);
          if (settles) mesh.settle();
        }
        mesh.settle();
        const atOnce = merged(...[...clusters.values()].toReversed());
        expect(contentOf(mesh.store.snapshot)).toEqual(contentOf(atOnce.store.snapshot));
        expect(told).toEqual(contentOf(atOnce.store.snapshot));
      }),
      { numRuns: 300 },
    );
  });
});
