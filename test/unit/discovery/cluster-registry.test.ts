// What a registry of one cluster promises: phases, last good states, gateways, and that a change costs what depends on it.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isEmpty, noChange, type ChangeSet } from '../../../discovery/model/change-set.ts';
import type { MeshNetworks } from '../../../discovery/model/mesh-config.ts';
import { clusterId, networkId } from '../../../discovery/model/names.ts';
import type { ResolvedName } from '../../../discovery/model/resolved-name.ts';
import type { SourceEvent } from '../../../discovery/model/source-event.ts';
import {
  namespaceManifest,
  nodeManifest,
  objectOf,
  podManifest,
  policyManifest,
  serviceManifest,
  sliceManifest,
  type Manifest,
} from '../../support/kube-objects.ts';
import { changed, deleted, hostOf, openCluster, plain, syncedCluster } from './cluster-scene.ts';

describe('the phase of a cluster', () => {
  it('is connecting, syncing, running, stale and running again', () => {
    let now = 1_000;
    const cluster = openCluster({ now: () => now });
    const phases = [cluster.phase];
    for (const event of [
      { kind: 'connected' },
      { kind: 'synced' },
      { kind: 'disconnected', reason: 'gone' },
    ] as const) {
      now += 1_000;
      cluster.fold([event]);
      phases.push(cluster.phase);
    }
    expect(phases).toEqual(['connecting', 'syncing', 'running', 'stale']);
    expect(cluster.status()).toMatchObject({ error: 'gone', staleSince: '1970-01-01T00:00:04.000Z' });
    now += 1_000;
    cluster.fold([{ kind: 'connected' }]);
    expect(cluster.phase).toBe('running');
    expect(cluster.status()).toMatchObject({ lastEventAt: '1970-01-01T00:00:05.000Z' });
    expect(cluster.status().staleSince).toBeUndefined();
  });

  it('is failed when it could never be read', () => {
    const cluster = openCluster();
    cluster.fold([{ kind: 'disconnected', reason: 'no such directory' }]);
    expect(cluster.status()).toMatchObject({ phase: 'failed', error: 'no such directory' });
  });
});

describe('a cluster', () => {
  it('withholds removals until everything was told once', () => {
    const cluster = openCluster();
    cluster.fold([{ kind: 'connected' }, changed(serviceManifest('one')), changed(serviceManifest('two'))]);
    cluster.fold([deleted('Service', 'one'), deleted('Service', 'two')]);
    expect(cluster.snapshot.services.size).toBe(2);
    cluster.fold([changed(serviceManifest('two')), { kind: 'synced' }]);
    expect([...cluster.snapshot.services.keys()]).toEqual([hostOf('two')]);
  });

  it('shows what the source found beside what conversion found, and forgets it when it is mended', () => {
    const cluster = syncedCluster([serviceManifest('one', { ports: [{ port: -1 }] })]);
    cluster.fold([{ kind: 'problems', problems: [{ severity: 'error', code: 'yaml-syntax', message: 'x' }] }]);
    expect(cluster.status().problems.map(({ code }) => code)).toEqual(['yaml-syntax', 'invalid-port']);
    cluster.fold([changed(serviceManifest('one')), { kind: 'problems', problems: [] }]);
    expect(cluster.status().problems).toEqual([]);
    expect(cluster.status().error).toBeUndefined();
  });

  it('forgets the findings of a deleted object', () => {
    const cluster = syncedCluster([serviceManifest('one', { ports: [{ port: -1 }] })]);
    cluster.fold([deleted('Service', 'one')]);
    expect(cluster.status().problems).toEqual([]);
  });

  it('says nothing changed when only what it does not use did', () => {
    const cluster = syncedCluster([serviceManifest('one'), podManifest('one-1', '10.0.0.1', 'one')]);
    const before = cluster.snapshot;
    const heard: ChangeSet[] = [];
    cluster.onChange((change) => heard.push(change));
    cluster.fold([changed(podManifest('one-1', '10.0.0.1', 'one', { annotations: { restarted: 'now' } }))]);
    expect(heard.map(isEmpty)).toEqual([true]);
    expect(cluster.snapshot).toBe(before);
  });

  it('names exactly what a change touched', () => {
    const cluster = syncedCluster([
      serviceManifest('one'),
      serviceManifest('two'),
      podManifest('one-1', '10.0.0.1', 'one'),
    ]);
    const two = cluster.snapshot.services.get(hostOf('two'));
    let heard = noChange;
    cluster.onChange((change) => {
      heard = change;
    });
    cluster.fold([changed(podManifest('one-2', '10.0.0.2', 'one'))]);
    expect([...heard.endpoints]).toEqual([hostOf('one')]);
    expect([...heard.workloads]).toEqual(['10.0.0.2']);
    expect(heard.services.size).toBe(0);
    expect(cluster.snapshot.services.get(hostOf('two'))).toBe(two);
  });

  it('follows a Pod that changes its labels, a node that moves and a network that is renamed', () => {
    const nodes = (zone: string) => nodeManifest('n', { 'topology.kubernetes.io/zone': zone });
    const pod = { ...podManifest('p', '10.0.0.1', 'one'), spec: { nodeName: 'n' } };
    const cluster = syncedCluster([serviceManifest('one'), serviceManifest('two'), pod, nodes('z1')]);
    const one = () => cluster.snapshot.endpoints.get(hostOf('one'))?.[0];
    cluster.fold([changed(nodes('z2'))]);
    expect(one()?.locality.zone).toBe('z2');
    expect(cluster.snapshot.workloads.get('10.0.0.1')?.locality.zone).toBe('z2');
    cluster.fold([changed(namespaceManifest('istio-system', { 'topology.istio.io/network': 'n2' }))]);
    expect(one()?.network).toBe('n2');
    expect(cluster.snapshot.network).toBe('n2');
    cluster.fold([changed(podManifest('p', '10.0.0.1', 'two'))]);
    expect(one()).toBeUndefined();
    expect(cluster.snapshot.endpoints.get(hostOf('two'))).toHaveLength(1);
  });

  it('keeps policies, tokens and workloads of the primary only', () => {
    const manifests = [
      policyManifest('PeerAuthentication', 'strict', { mtls: { mode: 'STRICT' } }),
      podManifest('p', '10.0.0.1', 'one'),
      {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: 't', namespace: 'sample', annotations: { 'kubernetes.io/service-account.name': 'one' } },
        type: 'kubernetes.io/service-account-token',
        data: { token: Buffer.from('abc').toString('base64') },
      },
      { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'other', namespace: 'sample' }, type: 'Opaque' },
    ];
    const primary = syncedCluster(manifests).snapshot;
    expect([...primary.serviceAccountTokens]).toEqual([['abc', { namespace: 'sample', serviceAccount: 'one' }]]);
    expect([primary.policies.size, primary.workloads.size]).toEqual([1, 1]);
    const remote = syncedCluster(manifests, { mode: 'discovery-only' }).snapshot;
    expect([remote.serviceAccountTokens.size, remote.policies.size, remote.workloads.size]).toEqual([0, 0, 0]);
  });

  it('reads the roots that it publishes, the system namespace first', () => {
    const roots = (namespace: string, pem: string): Manifest => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'istio-ca-root-cert', namespace },
      data: { 'root-cert.pem': pem },
    });
    const cluster = syncedCluster([roots('a', 'A'), roots('istio-system', 'S')]);
    expect(cluster.snapshot.publishedRoots).toBe('S');
    cluster.fold([deleted('ConfigMap', 'istio-ca-root-cert', 'istio-system')]);
    expect(cluster.snapshot.publishedRoots).toBe('A');
  });
});

it('an object whose reading fails in a way that nobody foresaw is a finding, and leaves itself and all others as they were', () => {
  const cluster = syncedCluster([serviceManifest('web'), serviceManifest('cart')]);
  const before = cluster.snapshot.services;
  const { object } = changed(serviceManifest('web')) as Extract<SourceEvent, { kind: 'changed' }>;
  const odd = {
    ...object,
    body: {
      get spec(): never {
        throw new RangeError('too deep');
      },
    },
  };

  cluster.fold([{ kind: 'changed', object: odd }, changed(serviceManifest('fresh'))]);

  expect(cluster.findings).toMatchObject([
    {
      severity: 'error',
      code: 'internal-error',
      object: 'Service/sample/web',
      message: expect.stringContaining('RangeError: too deep'),
    },
  ]);
  expect(cluster.snapshot.services.get(hostOf('web'))).toEqual(before.get(hostOf('web')));
  expect(cluster.snapshot.services.has(hostOf('fresh'))).toBe(true);
  cluster.fold([changed(serviceManifest('web'))]);
  expect(cluster.findings).toEqual([]);
});

describe('gateways of a cluster', () => {
  const gateway = (spec: Manifest, status: Manifest = {}, annotations: Record<string, string> = {}): Manifest => ({
    ...serviceManifest(
      'gw',
      { ports: [{ name: 'tls', port: 15_443, nodePort: 31_443 }], ...spec },
      { labels: { 'topology.istio.io/network': 'n1' }, annotations },
    ),
    status,
  });

  it('are entered by load balancer and external addresses, in order', () => {
    const cluster = syncedCluster([
      gateway({ externalIPs: ['192.0.2.2'] }, { loadBalancer: { ingress: [{ ip: '192.0.2.1' }] } }),
    ]);
    expect(cluster.snapshot.gateways).toEqual([
      { network: 'n1', clusterId: 'cluster-1', address: '192.0.2.1', port: 15_443 },
      { network: 'n1', clusterId: 'cluster-1', address: '192.0.2.2', port: 15_443 },
    ]);
  });

  it('are entered by node port at the external addresses of the selected nodes', () => {
    const node = (name: string, pool: string, address: string) =>
      nodeManifest(
        name,
        { pool },
        {
          addresses: [
            { type: 'ExternalIP', address },
            { type: 'InternalIP', address: '10.0.0.9' },
          ],
        },
      );
    const cluster = syncedCluster([
      gateway({ type: 'NodePort' }, {}, { 'traffic.istio.io/nodeSelector': '{"pool": "edge"}' }),
      node('a', 'edge', '198.51.100.1'),
      node('b', 'inner', '198.51.100.2'),
    ]);
    expect(cluster.snapshot.gateways).toMatchObject([{ address: '198.51.100.1', port: 31_443 }]);
    cluster.fold([changed(node('b', 'edge', '198.51.100.2'))]);
    expect(cluster.snapshot.gateways).toHaveLength(2);
  });

  it('with an unresolved host name contribute nothing and say so, until it is resolved', () => {
    let known: ResolvedName = { addresses: [] };
    const manifests = [gateway({}, { loadBalancer: { ingress: [{ hostname: 'lb.example.com' }] } })];
    const cluster = syncedCluster(manifests, { resolve: () => known });
    expect(cluster.snapshot.gateways).toEqual([]);
    expect(cluster.status().problems).toMatchObject([{ code: 'unresolved-gateway', object: 'Service/sample/gw' }]);
    known = { addresses: ['192.0.2.7'] };
    cluster.refreshGateways();
    expect(cluster.snapshot.gateways).toMatchObject([{ address: '192.0.2.7' }]);
    expect(cluster.status().problems).toEqual([]);
  });

  it('are also the Services that MeshNetworks names, in the clusters of that network only', () => {
    const networkOf = (cluster: string): MeshNetworks => ({
      networks: [
        {
          network: networkId('n2'),
          fromRegistries: [clusterId(cluster)],
          fromCidrs: [],
          gateways: [{ kind: 'service', host: hostOf('edge'), port: 443 }],
        },
      ],
    });
    const manifests = [serviceManifest('edge', { externalIPs: ['192.0.2.5'] })];
    const cluster = syncedCluster(manifests, { meshNetworks: networkOf('cluster-9') });
    expect(cluster.snapshot.gateways).toEqual([]);
    cluster.updateNetworks(networkOf('cluster-1'));
    expect(cluster.snapshot.gateways).toEqual([
      { network: 'n2', clusterId: 'cluster-1', address: '192.0.2.5', port: 443 },
    ]);
    expect(cluster.snapshot.network).toBe('n2');
  });

  it('go when their Service goes', () => {
    const cluster = syncedCluster([gateway({ externalIPs: ['192.0.2.2'] })]);
    cluster.fold([deleted('Service', 'gw')]);
    expect(cluster.snapshot.gateways).toEqual([]);
  });
});

describe('the work that a change causes', () => {
  it('is the same with 100 services and with 5,000', () => {
    const workOf = (count: number): unknown => {
      const manifests = Array.from({ length: count }, (_, index) => [
        serviceManifest(`s${index}`),
        sliceManifest(`s${index}-a`, `s${index}`, [`10.1.${index >> 8}.${index & 255}`]),
      ]).flat();
      const cluster = syncedCluster(manifests);
      const before = cluster.work;
      cluster.fold([changed(sliceManifest('s7-a', 's7', ['10.2.0.1', '10.2.0.2']))]);
      cluster.fold([changed(podManifest('p', '10.2.0.1', 's7'))]);
      return {
        services: cluster.work.services - before.services,
        workloads: cluster.work.workloads - before.workloads,
      };
    };
    expect(workOf(5_000)).toEqual(workOf(100));
    expect(workOf(100)).toEqual({ services: 2, workloads: 1 });
  });
});

describe('folding step by step', () => {
  const names = ['a', 'b', 'c'];
  const name = fc.constantFrom(...names);
  const address = fc.integer({ min: 1, max: 5 }).map((last) => `10.0.0.${last}`);
  const manifest: fc.Arbitrary<Manifest> = fc.oneof(
    fc.record({ name, port: fc.constantFrom(80, 81), headless: fc.boolean() }).map((it) =>
      serviceManifest(it.name, {
        ports: [{ name: 'http', port: it.port, targetPort: it.port === 80 ? 'web' : 9000 }],
        ...(it.headless ? { clusterIP: 'None' } : {}),
      }),
    ),
    fc
      .record({
        name,
        service: name,
        addresses: fc.uniqueArray(address, { maxLength: 3 }),
        ready: fc.boolean(),
        node: fc.constantFrom('n1', 'n2'),
      })
      .map((it) => ({
        ...sliceManifest(it.name, it.service, []),
        endpoints: it.addresses.map((own) => ({
          addresses: [own],
          nodeName: it.node,
          conditions: { ready: it.ready },
        })),
      })),
    fc
      .record({ name, address, app: name, node: fc.constantFrom('n1', 'n2') })
      .map((it) => ({ ...podManifest(it.name, it.address, it.app), spec: { nodeName: it.node } })),
    fc
      .record({ name: fc.constantFrom('n1', 'n2'), zone: name })
      .map((it) => nodeManifest(it.name, { 'topology.kubernetes.io/zone': it.zone })),
    fc
      .constantFrom('x', 'y')
      .map((network) => namespaceManifest('istio-system', { 'topology.istio.io/network': network })),
    fc.record({ name, app: name, weight: fc.integer({ min: 1, max: 9 }) }).map((it) => ({
      apiVersion: 'networking.istio.io/v1',
      kind: 'WorkloadEntry',
      metadata: { name: it.name, namespace: 'sample' },
      spec: { address: '10.9.9.9', labels: { app: it.app }, weight: it.weight },
    })),
    fc
      .record({ name, mode: fc.constantFrom('STRICT', 'DISABLE') })
      .map((it) => policyManifest('PeerAuthentication', it.name, { mtls: { mode: it.mode } })),
  );
  const step = fc.record({ manifest, deletes: fc.boolean() });

  it('gives what reading everything at once gives, whatever the order', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 25 }), fc.infiniteStream(fc.nat()), (steps, random) => {
        const cluster = syncedCluster([]);
        const standing = new Map<string, Manifest>();
        for (const { manifest: item, deletes } of steps) {
          const object = objectOf(item);
          const { namespace } = object.metadata;
          const event: SourceEvent = deletes ? deleted(object.kind, object.metadata.name, namespace) : changed(item);
          cluster.fold([event]);
          const key = `${object.kind}/${namespace}/${object.metadata.name}`;
          standing.delete(key);
          if (!deletes) standing.set(key, item);
        }
        const shuffled = [...standing.values()]
          .map((item) => [random.next().value ?? 0, item] as const)
          .toSorted(([a], [b]) => a - b)
          .map(([, item]) => item);
        const atOnce = syncedCluster(shuffled);
        expect(plain(cluster.snapshot)).toEqual(plain(atOnce.snapshot));
        expect(cluster.status().endpoints).toBe(atOnce.status().endpoints);
      }),
      { numRuns: 300 },
    );
  });
});

describe('a network that is declared twice', () => {
  const system = (network: string): Manifest =>
    namespaceManifest('istio-system', { 'topology.istio.io/network': network });

  it('is what the label says, and both are named', () => {
    const cluster = syncedCluster([system('network2')], { mode: 'primary', network: 'network1' });
    expect(cluster.snapshot.network).toBe('network2');
    const [problem] = cluster.status().problems;
    expect(problem).toMatchObject({ severity: 'warning', code: 'network-differs', object: 'Namespace//istio-system' });
    expect(problem?.message).toMatch(/--network says .* on network1, and the label .* says network2: the label wins/);
    cluster.fold([changed(system('network1'))]);
    expect(cluster.status().problems).toEqual([]);
  });

  it('is no finding where only one says it', () => {
    expect(syncedCluster([system('network2')], { network: '' }).status().problems).toEqual([]);
    expect(syncedCluster([], { network: 'network1' }).status().problems).toEqual([]);
  });
});
