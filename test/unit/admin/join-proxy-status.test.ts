// One status from what the stream and the engine know.

import { expect, test } from 'vitest';
import { clusterId, objectKey } from '../../../discovery/model/names.ts';
import { countProxies, proxyStatusOf, withCompanions } from '../../../server/admin/join-proxy-status.ts';
import { resourceName } from '../../../server/cache/encoded-resource.ts';
import type { ConnectionStatus } from '../../../server/stream/connection.ts';
import type { ProxyStatus } from '../../../server/admin/proxy-status.ts';
import type { Proxy } from '../../../server/proxy/proxy.ts';
import type { TypeStatus } from '../../../server/stream/type-delivery.ts';
import { typeUrls } from '../../../server/stream/type-rules.ts';
import { aProxy } from '../../feature/admin/two-regions.ts';

const cds = 'type.googleapis.com/envoy.config.cluster.v3.Cluster';
const peer = {
  address: '10.10.0.3:40000',
  identity: 'spiffe://cluster.local/ns/default/sa/sleep',
  authenticated: true,
};

function aType(overrides: Partial<TypeStatus> = {}): TypeStatus {
  return {
    typeUrl: cds,
    wildcard: true,
    subscribed: 0,
    sentNonce: 'n2',
    sentVersion: '',
    sentAtMs: 0,
    ackedNonce: 'n2',
    lastError: undefined,
    pushes: 2,
    rejected: 0,
    behind: false,
    ...overrides,
  };
}

function aConnection(types: readonly TypeStatus[]): ConnectionStatus {
  return { id: '1', nodeId: aProxy().nodeId, peer, variant: 'delta', connectedAtMs: 0, types };
}

const aSession = () => ({
  proxy: aProxy(),
  rejections: new Map(),
  resourceCount: () => 7,
  stateVersion: () => 'state-7',
});

test.for([
  ['SYNCED', {}],
  ['SYNCED', { sentNonce: '', ackedNonce: '' }],
  ['STALE', { ackedNonce: 'n1' }],
  ['STALE', { behind: true }],
  ['ERROR', { lastError: 'no', ackedNonce: 'n1' }],
] as const)('a type is %s when the stream says %o', ([status, overrides]) => {
  const proxy = proxyStatusOf(aConnection([aType(overrides)]), aSession());

  expect(proxy.types).toMatchObject([{ name: 'cds', status, resources: 7 }]);
});

test('a type of which there is nothing and nothing was sent is not sent', () => {
  const type = aType({ sentNonce: '', ackedNonce: '' });
  const proxy = proxyStatusOf(aConnection([type]), { ...aSession(), resourceCount: () => 0 });

  expect(proxy.types).toMatchObject([{ status: 'NOT_SENT', resources: 0, version: '' }]);
});

test('a delta type has the version of the state once it is in step, and none before', () => {
  const synced = proxyStatusOf(aConnection([aType()]), aSession());
  const behind = proxyStatusOf(aConnection([aType({ behind: true })]), aSession());

  expect(synced.types).toMatchObject([{ version: 'state-7' }]);
  expect(behind.types).toMatchObject([{ version: '' }]);
});

test('a rejection is shown with the resources and the objects it came from, also after a later success', () => {
  const rejection = {
    message: 'bad cluster',
    resourceNames: [resourceName('outbound|5000||a')],
    sources: [objectKey('DestinationRule', 'default', 'a')],
    atMs: 0,
  };
  const session = { ...aSession(), rejections: new Map([[cds, rejection]]) };

  const proxy = proxyStatusOf(aConnection([aType({ rejected: 1 })]), session);

  expect(proxy.types[0]).toMatchObject({
    status: 'SYNCED',
    rejected: 1,
    lastError: {
      message: 'bad cluster',
      resourceNames: ['outbound|5000||a'],
      sourceObjects: ['DestinationRule/default/a'],
      at: '1970-01-01T00:00:00.000Z',
    },
  });
});

test('who the proxy is comes from the node, who it proved to be from the transport', () => {
  expect(proxyStatusOf(aConnection([]), aSession())).toStrictEqual({
    nodeId: 'sidecar~10.10.0.3~sleep-1.default~default.svc.cluster.local',
    proxy: 'sleep-1.default',
    namespace: 'default',
    type: 'sidecar',
    clusterId: 'cluster-1',
    network: 'network1',
    locality: 'region1/zone1',
    istioVersion: '1.31.0',
    identity: 'spiffe://cluster.local/ns/default/sa/sleep',
    peerAddress: '10.10.0.3:40000',
    connectedAt: '1970-01-01T00:00:00.000Z',
    variant: 'delta',
    types: [],
  });
});

test('proxies are counted by version, without the streams of their agents, and those that reject something by its type', () => {
  const nameTable = aType({ typeUrl: 'type.googleapis.com/istio.networking.nds.v1.NameTable', lastError: 'no' });
  const rejecting = aType({ lastError: 'no' });
  const { istioVersion } = aProxy();
  const counts = countProxies(
    [[rejecting], [aType()], [nameTable], [rejecting, nameTable]].map((types) => ({
      connection: aConnection(types),
      proxy: aProxy(),
    })),
  );

  expect(counts.versions).toEqual(new Map([[istioVersion, 3]]));
  expect(counts.rejecting).toEqual(
    new Map([
      ['cds', 2],
      ['nds', 2],
    ]),
  );
});

const { nameTable, proxyConfig, healthInformation } = typeUrls;

function aStatus(types: readonly string[], overrides: Partial<Proxy> = {}): ProxyStatus {
  const connection = aConnection(types.map((typeUrl) => aType({ typeUrl })));
  return proxyStatusOf(connection, { ...aSession(), proxy: { ...aProxy(), ...overrides } });
}

const typesOf = (statuses: readonly ProxyStatus[]) => statuses.map(({ types }) => types.map(({ name }) => name));

test('the streams of its agent, for names and to register its machine, are shown with the proxy', () => {
  const streams = [[nameTable], [cds], [proxyConfig, healthInformation], [healthInformation]];
  expect(typesOf(withCompanions(streams.map((types) => aStatus(types))))).toEqual([['cds', 'nds', 'pcds']]);
});

test('an agent whose Envoy is not there, or is in another cluster, is not shown', () => {
  const statuses = [aStatus([nameTable], { clusterId: clusterId('cluster-2') }), aStatus([cds])];
  expect(typesOf(withCompanions(statuses))).toEqual([['cds']]);
  expect(withCompanions([aStatus([healthInformation])])).toEqual([]);
});
