// Gateways of the Gateway API as the way into a network, beside Istio's of the same name.

import { describe, expect, it } from 'vitest';
import { keyOf } from '../../../discovery/model/kubernetes-object.ts';
import type { ResolvedName } from '../../../discovery/model/resolved-name.ts';
import { objectOf, policyManifest, type Manifest } from '../../support/kube-objects.ts';
import { changed, syncedCluster, type SceneOptions } from './cluster-scene.ts';

const remote = { id: 'cluster-2', mode: 'discovery-only' } as const;
const option = { 'gateway.istio.io/listener-protocol': 'auto-passthrough' };
const passthrough = {
  name: 'cross-network',
  port: 15_443,
  protocol: 'TLS',
  tls: { mode: 'Passthrough', options: option },
};
const ip = (value: string): Manifest => ({ type: 'IPAddress', value });

function gateway(
  spec: Manifest = {},
  { status = {}, labels = { 'topology.istio.io/network': 'network2' } }: Readonly<Record<string, Manifest>> = {},
): Manifest {
  return {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'Gateway',
    metadata: { name: 'eastwest', namespace: 'istio-system', labels },
    spec: { gatewayClassName: 'istio', listeners: [passthrough], ...spec },
    status,
  };
}

function socketsOf(manifest: Manifest, options: SceneOptions = remote): readonly string[] {
  return syncedCluster([manifest], options).snapshot.gateways.map(
    ({ network, address, port }) => `${network} ${address}:${port}`,
  );
}

describe('a Gateway with the label of a network', () => {
  it('is entered at the addresses that it asks for', () => {
    const spec = { addresses: [ip('192.0.2.1'), ip('2001:DB8::1')] };
    const status = { addresses: [ip('192.0.2.9')] };
    expect(socketsOf(gateway(spec, { status }))).toEqual(['network2 192.0.2.1:15443', 'network2 2001:db8::1:15443']);
  });

  it('is entered at those it was given when it asks for none, or only for one inside its cluster', () => {
    const status = { addresses: [ip('192.0.2.9')] };
    expect(socketsOf(gateway({}, { status }))).toEqual(['network2 192.0.2.9:15443']);
    const inside = { type: 'Hostname', value: 'eastwest.istio-system.svc.cluster.local' };
    expect(socketsOf(gateway({ addresses: [inside] }, { status }))).toEqual(['network2 192.0.2.9:15443']);
  });

  it('is entered at its passthrough listeners, or at its gateway port', () => {
    const addresses = [ip('192.0.2.1')];
    const listeners = [
      { ...passthrough, port: 443 },
      { name: 'http', port: 80, protocol: 'HTTP' },
      { name: 'mesh', port: 15_008, protocol: 'HBONE', tls: { mode: 'Terminate' } },
    ];
    expect(socketsOf(gateway({ addresses, listeners }))).toEqual(['network2 192.0.2.1:443']);
    const plain = [{ name: 'tls', port: 8443, protocol: 'TLS', tls: { mode: 'Passthrough' } }];
    const labels = { 'topology.istio.io/network': 'network2', 'networking.istio.io/gatewayPort': '8443' };
    expect(socketsOf(gateway({ addresses, listeners: plain }, { labels }))).toEqual(['network2 192.0.2.1:8443']);
    const { problems } = syncedCluster([gateway({ addresses, listeners: plain })], remote).status();
    expect(problems).toMatchObject([{ code: 'no-passthrough-listener', field: 'spec.listeners' }]);
  });

  it('is entered where its host name leads, and says when that is nowhere', () => {
    let known: ResolvedName = { addresses: [], error: 'there is no such name' };
    const spec = { addresses: [{ type: 'Hostname', value: 'LB.example.com' }] };
    const cluster = syncedCluster([gateway(spec)], { ...remote, resolve: () => known });
    const object = 'Gateway.gateway.networking.k8s.io/istio-system/eastwest';
    expect(cluster.status().problems).toMatchObject([{ code: 'unresolved-gateway', object, field: 'spec.addresses' }]);
    expect(cluster.status().problems[0]?.message).toContain('(there is no such name), so it contributes no gateway');
    known = { addresses: ['192.0.2.3'], error: 'the name server did not answer' };
    cluster.refreshGateways();
    expect(cluster.snapshot.gateways).toMatchObject([{ address: '192.0.2.3' }]);
    expect(cluster.status().problems[0]?.message).toContain('its addresses of before are used');
  });

  it('stands for one elsewhere only where the cluster is managed, when its class is istio-remote', () => {
    const elsewhere = gateway({ gatewayClassName: 'istio-remote', addresses: [ip('192.0.2.1')] });
    expect(socketsOf(elsewhere)).toEqual([]);
    expect(socketsOf(elsewhere, { mode: 'primary' })).toEqual(['network2 192.0.2.1:15443']);
  });

  it('is a gateway no more once its label, or itself, is gone', () => {
    const spec = { addresses: [ip('192.0.2.1')] };
    const cluster = syncedCluster([gateway(spec)], remote);
    cluster.fold([changed(gateway(spec, { labels: {} }))]);
    expect(cluster.snapshot.gateways).toEqual([]);
    cluster.fold([changed(gateway(spec))]);
    expect(cluster.snapshot.gateways).toHaveLength(1);
    cluster.fold([{ kind: 'deleted', key: keyOf(objectOf(gateway(spec))) }]);
    expect(cluster.snapshot.gateways).toEqual([]);
  });
});

it('a Gateway without the label is told of in the primary, and nobody else’s business', () => {
  const other = gateway({}, { labels: {} });
  expect(syncedCluster([other], { mode: 'primary' }).status().problems).toMatchObject([{ code: 'unsupported-kind' }]);
  expect(syncedCluster([other], remote).status().problems).toEqual([]);
});

it('Gateways of two APIs with one name are two objects, and the end of one is not that of the other', () => {
  const server = { port: { number: 15_443, name: 'tls', protocol: 'TLS' }, tls: { mode: 'AUTO_PASSTHROUGH' } };
  const istios = policyManifest(
    'Gateway',
    'eastwest',
    { selector: { istio: 'eastwest' }, servers: [{ ...server, hosts: ['*.local'] }] },
    { namespace: 'istio-system' },
  );
  const others = gateway({ addresses: [ip('192.0.2.1')] });
  expect(keyOf(objectOf(istios))).toBe('Gateway/istio-system/eastwest');
  const cluster = syncedCluster([istios, others], { mode: 'primary' });
  expect(cluster.snapshot).toMatchObject({ gateways: [{ address: '192.0.2.1' }], policies: { size: 1 } });
  cluster.fold([{ kind: 'deleted', key: keyOf(objectOf(others)) }]);
  expect(cluster.snapshot).toMatchObject({ gateways: [], policies: { size: 1 } });
  cluster.fold([changed(others), { kind: 'deleted', key: keyOf(objectOf(istios)) }]);
  expect(cluster.snapshot).toMatchObject({ gateways: [{ address: '192.0.2.1' }], policies: { size: 0 } });
});
