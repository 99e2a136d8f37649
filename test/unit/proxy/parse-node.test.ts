// What a node says of its proxy, and what is said back to a node that makes no sense.

import { describe, expect, test } from 'vitest';
import { PersistentMap } from '../../../discovery/model/persistent-map.ts';
import { clusterId, networkId } from '../../../discovery/model/names.ts';
import { decode, encode } from '../../../proto/codec.ts';
import { Node as NodeMessage, type Node } from '../../../proto/generated/envoy.config.core.v3.ts';
import type { Value } from '../../../proto/generated/google.protobuf.ts';
import { locateProxy } from '../../../server/proxy/locate-proxy.ts';
import { parseNode } from '../../../server/proxy/parse-node.ts';
import { struct } from '../../../server/generate/well-known-types.ts';
import { mesh, sidecar } from '../../support/mesh-model.ts';

const options = {
  variant: 'delta' as const,
  defaultClusterId: clusterId('cluster-1'),
  defaultNetwork: networkId('network1'),
};
const id = 'sidecar~10.1.0.9~sleep-abc.default~default.svc.cluster.local';
const parse = (node: Node) => parseNode(node, options);

const fields = (values: Readonly<Record<string, Value>>): Value => ({ structValue: { fields: values } });

describe('a node', () => {
  test('as pilot-agent writes it becomes a proxy', () => {
    const proxy = parse({
      id,
      metadata: struct({
        NAMESPACE: 'default',
        CLUSTER_ID: 'cluster-2',
        NETWORK: 'network2',
        SERVICE_ACCOUNT: 'sleep',
        INSTANCE_IPS: '10.1.0.9,fd00::9',
        LABELS: { app: 'sleep', version: 'v2' },
        STATIC_LABELS: { version: 'v1', stage: 'test' },
        REQUESTED_NETWORK_VIEW: 'network2, network3',
        ISTIO_VERSION: '1.31.1',
      }),
      locality: { region: 'region1', zone: 'zone1', subZone: 'rack1' },
      extensions: [{ name: 'istio.alpn' }],
    });
    expect(proxy).toEqual({
      nodeId: id,
      type: 'sidecar',
      addresses: ['10.1.0.9', 'fd00::9'],
      name: 'sleep-abc',
      namespace: 'default',
      dnsDomain: 'default.svc.cluster.local',
      clusterId: 'cluster-2',
      network: 'network2',
      locality: { region: 'region1', zone: 'zone1', subzone: 'rack1' },
      labels: { app: 'sleep', version: 'v2', stage: 'test' },
      serviceAccount: 'sleep',
      requestedNetworks: ['network2', 'network3'],
      capabilities: { istioFilters: true, virtualHostDiscovery: true },
      interceptionMode: 'REDIRECT',
      istioVersion: '1.31.1',
      // Texts at the top.
      metadata: {
        NAMESPACE: 'default',
        CLUSTER_ID: 'cluster-2',
        NETWORK: 'network2',
        SERVICE_ACCOUNT: 'sleep',
        INSTANCE_IPS: '10.1.0.9,fd00::9',
        REQUESTED_NETWORK_VIEW: 'network2, network3',
        ISTIO_VERSION: '1.31.1',
      },
    });
  });

  test.each([
    [
      'a structure',
      fields({ PROXY_CONFIG: fields({ gatewayTopology: fields({ numTrustedProxies: { numberValue: 2 } }) }) }),
    ],
    ['JSON', fields({ PROXY_CONFIG: { stringValue: '{"gatewayTopology":{"numTrustedProxies":2}}' } })],
  ])('of a gateway says by %s who stands in front of it', (_, { structValue: metadata }) => {
    const bytes = encode(NodeMessage, { id: id.replace('sidecar', 'router'), metadata });
    expect(parse(decode(NodeMessage, bytes))).toMatchObject({ topology: { trustedProxies: 2 } });
    expect(parse(decode(NodeMessage, encode(NodeMessage, { id, metadata })))).not.toHaveProperty('topology');
  });

  test.each(['{', '{"gatewayTopology":{"numTrustedProxies":-1}}', '{"gatewayTopology":[]}', '{}'])(
    'of a gateway that announces %s trusts nobody in front of it',
    (announced) => {
      const metadata = struct({ PROXY_CONFIG: announced });
      expect(parse({ id: id.replace('sidecar', 'router'), metadata })).not.toHaveProperty('topology');
    },
  );

  test('without metadata is of this cluster and network, and a stock Envoy', () => {
    expect(parse({ id })).toMatchObject({
      clusterId: 'cluster-1',
      network: 'network1',
      namespace: 'default',
      requestedNetworks: [],
      capabilities: { istioFilters: false },
    });
  });

  test.each([
    ['TPROXY', 'TPROXY'],
    ['NONE', 'NONE'],
    ['tproxy', 'REDIRECT'],
  ])('that announces the interception mode %s is treated as %s', (announced, mode) => {
    expect(parse({ id, metadata: struct({ INTERCEPTION_MODE: announced }) })).toMatchObject({ interceptionMode: mode });
  });

  test('that is called by a dotted name keeps it', () => {
    expect(parse({ id: 'router~10.1.0.9~a.b.istio-system~d' })).toMatchObject({
      name: 'a.b',
      namespace: 'istio-system',
    });
  });

  test('without delta gets whole route configurations', () => {
    expect(parseNode({ id }, { ...options, variant: 'sotw' })).toMatchObject({
      capabilities: { virtualHostDiscovery: false },
    });
  });

  test.each([
    ['', 'has 1 parts'],
    ['sidecar~10.1.0.9~sleep.default', 'has 3 parts'],
    ['ztunnel~10.1.0.9~z.default~d', 'of type "ztunnel"'],
    ['sidecar~~sleep.default~d', 'has no IP address'],
    ['sidecar~10.1.0.999~sleep.default~d', 'which is not an IP address'],
    ['sidecar~10.1.0.9~sleep~d', 'where NAME.NAMESPACE is expected'],
    ['sidecar~10.1.0.9~.default~d', 'where NAME.NAMESPACE is expected'],
  ])('called %j is refused: it %s', (nodeId, reason) => {
    const result = parse({ id: nodeId });
    expect(result).toMatchObject({ kind: 'invalid', message: expect.stringContaining(reason) as unknown });
  });

  test('with an endless id is refused in a short sentence', () => {
    const result = parse({ id: 'x'.repeat(100_000) });
    expect(result).toMatchObject({ kind: 'invalid' });
    expect('message' in result ? result.message.length : 0).toBeLessThan(400);
  });
});

describe('a proxy', () => {
  const workload = {
    identity: {
      name: 'sleep',
      namespace: 'default',
      serviceAccount: 'sleep-account',
      canonicalName: 'sleep',
      canonicalRevision: 'latest',
    },
    addresses: ['10.1.0.9'],
    labels: { app: 'sleep' },
    locality: { region: 'r1', zone: 'z1', subzone: '' },
    network: networkId('network7'),
    tlsMode: 'istio' as const,
    namedPorts: {},
  };
  const known = { ...mesh({}), workloads: PersistentMap.from([['10.1.0.9', workload] as const]) };
  const bare = sidecar({ labels: {}, serviceAccount: '', network: networkId('') });

  test('is completed with what the mesh knows of its workload', () => {
    expect(locateProxy(bare, known)).toMatchObject({
      labels: { app: 'sleep' },
      serviceAccount: 'sleep-account',
      network: 'network7',
      locality: { region: 'r1' },
    });
  });

  test('is believed in what it says itself', () => {
    expect(locateProxy(sidecar({ labels: { app: 'mine' } }), known)).toMatchObject({
      labels: { app: 'mine' },
      network: 'network1',
      serviceAccount: 'sleep',
    });
  });

  test('of another namespace or cluster than the workload at its address is left alone', () => {
    const stranger = { ...bare, namespace: 'other' };
    expect(locateProxy(stranger, known)).toBe(stranger);
    const remote = { ...bare, clusterId: clusterId('cluster-2') };
    expect(locateProxy(remote, known)).toBe(remote);
  });
});
