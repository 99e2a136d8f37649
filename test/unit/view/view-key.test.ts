// Which proxies share a class, and which do not.

import { describe, expect, test } from 'vitest';
import { clusterId, networkId } from '../../../discovery/model/names.ts';
import type { Proxy } from '../../../server/proxy/proxy.ts';
import { indexViews } from '../../../server/view/view-index.ts';
import { viewKeysOf } from '../../../server/view/view-key.ts';
import {
  endpoint,
  httpMatch,
  httpRoute,
  mesh,
  peerAuthentication,
  router,
  service,
  sidecar,
  virtualService,
  type MeshParts,
} from '../../support/mesh-model.ts';

const web = 'web.default.svc.cluster.local';
const parts: MeshParts = {
  services: [service('web', ['http:80', 'tcp:81'])],
  endpoints: {
    [web]: ['10.1.0.9', '10.1.0.10'].map((address) =>
      endpoint('cluster-1/network1', address, { http: 8080, tcp: 8081 }),
    ),
  },
};
const keys = (changes: Partial<Proxy> = {}, more: MeshParts = {}) =>
  viewKeysOf(sidecar(changes), mesh({ ...parts, ...more }));

const ofRouter = (labels: Readonly<Record<string, string>>) => viewKeysOf(router({ labels }), mesh(parts)).outbound;

describe('what is sent out through', () => {
  test('is shared by two workloads of one namespace on one network', () => {
    const other = { addresses: ['10.1.0.77'], labels: { app: 'other' }, name: 'other', serviceAccount: 'other' };
    expect(keys(other).outbound).toBe(keys().outbound);
  });

  test.each<[string, Partial<Proxy>]>([
    ['cluster', { clusterId: clusterId('cluster-2') }],
    ['network', { network: networkId('network2') }],
    ['requested networks', { requestedNetworks: [networkId('network1')] }],
    ['namespace', { namespace: 'other' }],
    ['address family', { addresses: ['fd00::1'] }],
    ['filters it can load', { capabilities: { istioFilters: true, virtualHostDiscovery: true } }],
    ['protocol variant', { capabilities: { istioFilters: false, virtualHostDiscovery: false } }],
    ['type', { type: 'router' }],
  ])('differs by %s', (_, changes) => {
    expect(keys(changes).outbound).not.toBe(keys().outbound);
  });

  test('differs by a label only while some VirtualService tells sources apart by it', () => {
    const bySource = virtualService(
      'web',
      [web],
      [httpRoute([web], { matches: [httpMatch({ sourceLabels: { app: 'a' } })] })],
    );
    const told = { policies: [bySource] };
    expect(keys({ labels: { app: 'a', x: '1' } }, told).outbound).toBe(
      keys({ labels: { app: 'a', x: '2' } }, told).outbound,
    );
    expect(keys({ labels: { app: 'a' } }, told).outbound).not.toBe(keys({ labels: { app: 'b' } }, told).outbound);
  });

  test('differs by the labels of a router, which select Gateways', () => {
    expect(ofRouter({ istio: 'a' })).not.toBe(ofRouter({ istio: 'b' }));
    expect(ofRouter({ a: '1', b: '2' })).toBe(ofRouter({ b: '2', a: '1' }));
  });
});

describe('whom a gateway believes in front of it', () => {
  const topology = (proxy: Partial<Proxy>, config: MeshParts['config'] = {}) =>
    viewKeysOf(router(proxy), mesh({ ...parts, config })).outboundScope.topology;
  const ofMesh = { gatewayTopology: { trustedProxies: 1, clientCertificate: 'append-forward' as const } };

  test('is nobody, unless the mesh or the gateway itself says so, field by field', () => {
    expect(topology({})).toBeUndefined();
    expect(topology({}, ofMesh)).toEqual(ofMesh.gatewayTopology);
    expect(topology({ topology: { trustedProxies: 2 } }, ofMesh)).toMatchObject({ trustedProxies: 2 });
    expect(topology({ topology: { trustedProxies: 0 } }, { gatewayTopology: { trustedProxies: 1 } })).toBeUndefined();
    expect(keys({}, { config: ofMesh }).outboundScope.topology).toBeUndefined();
  });
});

describe('what is received', () => {
  test('differs by whether connections come as they are; what is sent out does not', () => {
    expect(keys({ interceptionMode: 'TPROXY' }).inbound).not.toBe(keys().inbound);
    expect(keys({ interceptionMode: 'TPROXY' }).outbound).toBe(keys().outbound);
    expect(keys({ interceptionMode: 'REDIRECT' }).inbound).toBe(keys().inbound);
  });

  test('is shared by the replicas of a workload', () => {
    expect(keys({ addresses: ['10.1.0.10'] }).inbound).toBe(keys().inbound);
  });

  test('has the ports that services give the workload', () => {
    expect(keys().inboundScope.ports.map(({ port, protocol, mode }) => ({ port, protocol, mode }))).toEqual([
      { port: 8080, protocol: 'http', mode: 'permissive' },
      { port: 8081, protocol: 'tcp', mode: 'permissive' },
    ]);
    expect(keys({ addresses: ['10.1.0.77'] }).inboundScope.ports).toEqual([]);
  });

  test('of two services with one target port is HTTP when one of them says so', () => {
    const both: MeshParts = {
      services: [service('web', ['tcp:81']), service('site', ['http:80'], { createdAtMs: 9 })],
      endpoints: {
        [web]: [endpoint('cluster-1/network1', '10.1.0.9', { tcp: 8080 })],
        'site.default.svc.cluster.local': [endpoint('cluster-1/network1', '10.1.0.9', { http: 8080 })],
      },
    };
    expect(keys({}, both).inboundScope.ports.map(({ protocol }) => protocol)).toEqual(['http']);
  });

  test('has the mTLS mode of the workload before that of the namespace before that of the mesh', () => {
    const ofMesh = peerAuthentication('istio-system/mesh', { mode: 'disable' });
    const ofNamespace = peerAuthentication('default/all', { mode: 'strict' });
    const ofWorkload = peerAuthentication('default/sleep', {
      selector: { app: 'sleep' },
      mode: 'permissive',
      portModes: new Map([[8081, 'disable']]),
    });
    const modes = (...policies: (typeof ofMesh)[]) => {
      const { ports, defaultMode } = keys({}, { policies }).inboundScope;
      return [defaultMode, ...ports.map(({ mode }) => mode)];
    };
    expect(modes()).toEqual(['permissive', 'permissive', 'permissive']);
    expect(modes(ofMesh)).toEqual(['disable', 'disable', 'disable']);
    expect(modes(ofMesh, ofNamespace)).toEqual(['strict', 'strict', 'strict']);
    expect(modes(ofMesh, ofNamespace, ofWorkload)).toEqual(['permissive', 'permissive', 'disable']);
    const inherits = { ...ofWorkload, mode: undefined };
    expect(modes(ofMesh, ofNamespace, inherits)).toEqual(['strict', 'strict', 'disable']);
    const elsewhere = peerAuthentication('other/all', { mode: 'disable' });
    expect(modes(elsewhere)).toEqual(['permissive', 'permissive', 'permissive']);
  });
});

test('an index carried from one snapshot to the next equals a new one', () => {
  const first = mesh(parts);
  const second = {
    ...first,
    endpoints: first.endpoints.with([
      [service('web', []).host, [endpoint('cluster-1/network1', '10.1.0.10', { http: 1 })]],
      [service('new', []).host, [endpoint('cluster-1/network1', '10.1.0.10', { http: 2 })]],
    ]),
  };
  const carried = indexViews(second, indexViews(first));
  const fresh = indexViews(second);
  for (const address of ['10.1.0.9', '10.1.0.10']) {
    expect(carried.hostsByAddress.get(address)).toEqual(fresh.hostsByAddress.get(address));
  }
  expect(carried.hostsByAddress.get('10.1.0.9')).toBeUndefined();
});

describe('what other namespaces declare of a workload', () => {
  // A Service without a selector, or a ServiceEntry, may name any address as its endpoint.
  const claim: MeshParts = {
    services: [...(parts.services ?? []), service('evil/a', ['http:443', 'http:9'])],
    endpoints: {
      ...parts.endpoints,
      'a.evil.svc.cluster.local': [endpoint('cluster-1/network1', '10.1.0.9', { http: 8081 })],
    },
  };

  test('changes neither what it receives nor where a gateway listens', () => {
    expect(keys({}, claim).inbound).toBe(keys().inbound);
    const gateway = router({ addresses: ['10.1.0.9'] });
    expect(viewKeysOf(gateway, mesh(claim)).outboundScope.targetPorts).toEqual(
      viewKeysOf(gateway, mesh(parts)).outboundScope.targetPorts,
    );
  });
});
