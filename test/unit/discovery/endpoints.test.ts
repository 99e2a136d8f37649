// The endpoints of a Service: from slices, Pods and WorkloadEntries, with who and where they are.

import { describe, expect, it } from 'vitest';
import type { Endpoint } from '../../../discovery/model/endpoint.ts';
import {
  namespaceManifest,
  nodeManifest,
  podManifest,
  serviceManifest,
  sliceManifest,
  type Manifest,
} from '../../support/kube-objects.ts';
import { hostOf, syncedCluster, type SceneOptions } from './cluster-scene.ts';

const endpointsOf = (manifests: readonly Manifest[], options: SceneOptions = {}): readonly Endpoint[] =>
  syncedCluster(manifests, options).snapshot.endpoints.get(hostOf('one')) ?? [];
const brief = (endpoints: readonly Endpoint[]) =>
  endpoints.map(({ address, ports, health }) => ({ address, ports, health }));

describe('endpoints from slices', () => {
  it.each([
    ['nothing', {}, 'healthy'],
    ['ready', { ready: true }, 'healthy'],
    ['not ready', { ready: false, serving: false }, 'unhealthy'],
    ['terminating and serving', { ready: false, serving: true, terminating: true }, 'draining'],
    ['terminating and not serving', { ready: false, serving: false, terminating: true }, 'unhealthy'],
    ['ready although terminating (published on purpose)', { ready: true, terminating: true }, 'healthy'],
  ])('whose conditions say %s', (_name, conditions, health) => {
    const found = endpointsOf([serviceManifest('one'), sliceManifest('a', 'one', ['10.0.0.1'], { conditions })]);
    expect(found).toMatchObject([{ address: '10.0.0.1', health }]);
  });

  it('of several slices are one list, by address, each address once with its best health', () => {
    const found = endpointsOf([
      serviceManifest('one'),
      sliceManifest('b', 'one', ['10.0.0.3', '10.0.0.1'], { conditions: { ready: false } }),
      sliceManifest('a', 'one', ['10.0.0.2', '10.0.0.1']),
    ]);
    expect(brief(found)).toEqual([
      { address: '10.0.0.1', ports: { http: 8080 }, health: 'healthy' },
      { address: '10.0.0.2', ports: { http: 8080 }, health: 'healthy' },
      { address: '10.0.0.3', ports: { http: 8080 }, health: 'unhealthy' },
    ]);
  });

  it('serve the ports that slice and Service name alike', () => {
    const ports = [
      { name: 'http', port: 8080 },
      { name: 'grpc', port: 9090 },
    ];
    const slice = sliceManifest('a', 'one', ['10.0.0.1'], {
      ports: [...ports, { name: 'dns', port: 53, protocol: 'UDP' }],
    });
    const service = serviceManifest('one', {
      ports: [
        { name: 'http', port: 80 },
        { name: 'grpc', port: 81 },
        { name: 'tcp-admin', port: 82 },
      ],
    });
    expect(endpointsOf([service, slice])[0]?.ports).toEqual({ http: 8080, grpc: 9090 });
  });

  it('know their Pod by reference, or by its address', () => {
    const pods = [podManifest('one-1', '10.0.0.1', 'one'), podManifest('one-2', '10.0.0.2', 'one')];
    const slice = {
      ...sliceManifest('a', 'one', []),
      endpoints: [
        { addresses: ['10.0.0.1'], targetRef: { kind: 'Pod', name: 'one-1', namespace: 'sample' } },
        { addresses: ['10.0.0.2'] },
      ],
    };
    const found = endpointsOf([serviceManifest('one'), slice, ...pods]);
    expect(found.map(({ workload, tlsMode }) => [workload.name, workload.serviceAccount, tlsMode])).toEqual([
      ['one-1', 'one', 'istio'],
      ['one-2', 'one', 'istio'],
    ]);
  });

  it('are not taken twice when Pods are selected as well', () => {
    const found = endpointsOf([
      serviceManifest('one'),
      sliceManifest('a', 'one', ['10.0.0.1']),
      podManifest('one-1', '10.0.0.1', 'one'),
      podManifest('one-2', '10.0.0.2', 'one'),
    ]);
    expect(found.map(({ address }) => address)).toEqual(['10.0.0.1']);
  });

  it.each<[string, Manifest, string]>([
    ['no IP address', { endpoints: [{ addresses: ['10.0.0.300'] }] }, 'endpoints[0].addresses[0]'],
    ['an address of the other family', { endpoints: [{ addresses: ['fd00::1'] }] }, 'endpoints[0].addresses[0]'],
    ['no address at all', { endpoints: [{}] }, 'endpoints[0].addresses'],
    ['a port out of range', { ports: [{ name: 'http', port: 0 }] }, 'ports[0].port'],
    ['an unknown address type', { addressType: 'IPX' }, 'addressType'],
  ])('with %s refuse the slice, whose last good state stays, and nothing else', (_name, change, field) => {
    const cluster = syncedCluster([
      serviceManifest('one'),
      serviceManifest('two'),
      sliceManifest('a', 'one', ['10.0.0.1']),
      sliceManifest('b', 'two', ['10.0.0.2']),
    ]);
    const bad = { ...sliceManifest('a', 'one', ['10.0.0.9']), ...change };
    cluster.fold([
      { kind: 'changed', object: { ...objectWith(bad), origin: { place: 'a.yaml', line: 3 } } },
      { kind: 'changed', object: objectWith(sliceManifest('b', 'two', ['10.0.0.3'])) },
    ]);
    expect(cluster.snapshot.endpoints.get(hostOf('one'))).toMatchObject([{ address: '10.0.0.1' }]);
    expect(cluster.snapshot.endpoints.get(hostOf('two'))).toMatchObject([{ address: '10.0.0.3' }]);
    const { problems, error } = cluster.status();
    expect(problems[0]).toMatchObject({
      severity: 'error',
      field,
      object: 'EndpointSlice/sample/a',
      origin: { place: 'a.yaml' },
    });
    expect(problems).toSatisfy((all: { object: string }[]) =>
      all.every(({ object }) => object === 'EndpointSlice/sample/a'),
    );
    expect(error).toContain('a.yaml:3');
  });

  it('of host names are told to be unused', () => {
    const cluster = syncedCluster([
      serviceManifest('one'),
      { ...sliceManifest('a', 'one', ['x.example.com']), addressType: 'FQDN' },
    ]);
    expect(cluster.status().problems).toMatchObject([{ severity: 'warning', code: 'unsupported-address-type' }]);
    expect(cluster.snapshot.endpoints.size).toBe(0);
  });
});

const objectWith = (manifest: Manifest) => {
  const { apiVersion, kind, metadata, ...body } = manifest as {
    apiVersion: string;
    kind: string;
    metadata: { name: string; namespace: string; labels: Record<string, string> };
  };
  return { apiVersion, kind, metadata: { annotations: {}, createdAtMs: 0, ...metadata }, body };
};

describe('endpoints from Pods', () => {
  const pod = (change: Manifest): Manifest => ({ ...podManifest('one-1', '10.0.0.1', 'one'), ...change });

  it.each([
    ['an address and nothing else', { podIP: '10.0.0.1' }, ['healthy']],
    ['Ready', { podIP: '10.0.0.1', phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] }, ['healthy']],
    [
      'not Ready',
      { podIP: '10.0.0.1', phase: 'Running', conditions: [{ type: 'Ready', status: 'False' }] },
      ['unhealthy'],
    ],
    [
      'other conditions only',
      { podIP: '10.0.0.1', conditions: [{ type: 'PodScheduled', status: 'True' }] },
      ['unhealthy'],
    ],
    ['an end', { podIP: '10.0.0.1', phase: 'Succeeded' }, []],
    ['no address', { phase: 'Pending' }, []],
  ])('whose status has %s', (_name, status, healths) => {
    const found = endpointsOf([serviceManifest('one'), pod({ status })]);
    expect(found.map(({ health }) => health)).toEqual(healths);
  });

  it('resolve named target ports, and leave out ports that the Pod does not name', () => {
    const service = serviceManifest('one', {
      ports: [
        { name: 'http', port: 80, targetPort: 'web' },
        { name: 'tcp', port: 81, targetPort: 'absent' },
        { name: 'http-num', port: 82, targetPort: 9000 },
      ],
    });
    expect(endpointsOf([service, pod({})])[0]?.ports).toEqual({ http: 8080, 'http-num': 9000 });
  });

  it('belong to the selecting Service of their own namespace only', () => {
    const other = podManifest('one-x', '10.0.0.9', 'one', { namespace: 'other' });
    expect(endpointsOf([serviceManifest('one'), pod({}), other]).map(({ address }) => address)).toEqual(['10.0.0.1']);
  });

  it('are named after the Deployment behind the ReplicaSet', () => {
    const metadata = {
      name: 'one-5d4f-x',
      namespace: 'sample',
      labels: { app: 'one', version: 'v2', 'pod-template-hash': '5d4f' },
      ownerReferences: [{ kind: 'ReplicaSet', name: 'one-5d4f', controller: true }],
    };
    expect(endpointsOf([serviceManifest('one'), pod({ metadata })])[0]?.workload).toEqual({
      name: 'one',
      namespace: 'sample',
      serviceAccount: 'one',
      canonicalName: 'one',
      canonicalRevision: 'v2',
    });
  });

  it('are where their node is, and carry that as labels', () => {
    const node = nodeManifest('node-1', {
      'topology.kubernetes.io/region': 'r1',
      'topology.kubernetes.io/zone': 'z1',
      'topology.istio.io/subzone': 's1',
    });
    const [found] = endpointsOf([serviceManifest('one'), pod({ spec: { nodeName: 'node-1' } }), node], {
      network: 'n1',
    });
    expect(found?.locality).toEqual({ region: 'r1', zone: 'z1', subzone: 's1' });
    expect(found?.labels).toMatchObject({
      'topology.kubernetes.io/region': 'r1',
      'topology.kubernetes.io/zone': 'z1',
      'topology.istio.io/subzone': 's1',
      'topology.istio.io/cluster': 'cluster-1',
      'topology.istio.io/network': 'n1',
      'kubernetes.io/hostname': 'node-1',
    });
  });
});

describe('endpoints from WorkloadEntries', () => {
  const entry = (spec: Manifest): Manifest => ({
    apiVersion: 'networking.istio.io/v1',
    kind: 'WorkloadEntry',
    metadata: { name: 'vm-1', namespace: 'sample' },
    spec: { address: '10.9.0.1', labels: { app: 'one' }, ...spec },
  });

  it('have the ports, weight, locality and network that they say', () => {
    const [found] = endpointsOf([
      serviceManifest('one'),
      entry({ ports: { http: 7070 }, weight: 5, locality: 'r/z/s', network: 'vms', serviceAccount: 'one' }),
    ]);
    expect(found).toMatchObject({
      address: '10.9.0.1',
      ports: { http: 7070 },
      weight: 5,
      locality: { region: 'r', zone: 'z', subzone: 's' },
      network: 'vms',
      tlsMode: 'istio',
    });
  });

  it('stand beside those of slices', () => {
    const found = endpointsOf([serviceManifest('one'), sliceManifest('a', 'one', ['10.0.0.1']), entry({})]);
    expect(found.map(({ address, tlsMode }) => [address, tlsMode])).toEqual([
      ['10.0.0.1', 'disabled'],
      ['10.9.0.1', 'disabled'],
    ]);
  });

  it('are none where a DNS name stands for the address: only a ServiceEntry looks names up', () => {
    expect(endpointsOf([serviceManifest('one'), entry({ address: 'vm.example.com' })])).toEqual([]);
  });

  it('without an address are refused', () => {
    expect(syncedCluster([entry({ address: '10.0.0' })]).status().problems).toMatchObject([
      { severity: 'error', code: 'invalid-address', field: 'spec.address' },
    ]);
  });
});

describe('the network of an endpoint', () => {
  const mesh = {
    networks: [
      { network: 'byRegistry' as never, fromRegistries: ['cluster-1' as never], fromCidrs: [], gateways: [] },
      { network: 'byCidr' as never, fromRegistries: [], fromCidrs: ['10.0.0.0/8'], gateways: [] },
    ],
  };
  const cidrOnly = { networks: mesh.networks.slice(1) };
  const labelled = podManifest('one-1', '10.0.0.1', 'one', { labels: { 'topology.istio.io/network': 'byLabel' } });
  const bare = podManifest('one-1', '10.0.0.1', 'one');
  const system = namespaceManifest('istio-system', { 'topology.istio.io/network': 'byNamespace' });

  it.each([
    ['its own label before all', [labelled, system], { network: 'option', meshNetworks: mesh }, 'byLabel'],
    ['the system namespace', [bare, system], { network: 'option', meshNetworks: mesh }, 'byNamespace'],
    ['MeshNetworks by registry', [bare], { network: 'option', meshNetworks: mesh }, 'byRegistry'],
    ['MeshNetworks by CIDR', [bare], { network: 'option', meshNetworks: cidrOnly }, 'byCidr'],
    ['the option', [bare], { network: 'option' }, 'option'],
    ['nothing', [bare], {}, ''],
  ])('is said by %s', (_name, manifests, options, network) => {
    expect(endpointsOf([serviceManifest('one'), ...manifests], options)[0]?.network).toBe(network);
  });
});

describe('a port named like an inherited property', () => {
  it('is served only by endpoints that serve it', () => {
    const service = serviceManifest('one', {
      ports: [
        { name: 'http', port: 80 },
        { name: 'constructor', port: 81, targetPort: 'valueof' },
      ],
    });
    const slice = sliceManifest('a', 'one', ['10.0.0.1']);
    expect(endpointsOf([service, slice])[0]?.ports).toEqual({ http: 8080 });
    expect(endpointsOf([service, podManifest('p', '10.0.0.1', 'one')])[0]?.ports).toEqual({ http: 80 });
  });
});
