// Debug pages as istioctl, Kiali and people with curl read them.

import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { networkInterfaces } from 'node:os';
import { expect, test } from 'vitest';
import { resourceName, resourceVersion, type EncodedResource } from '../../../server/cache/encoded-resource.ts';
import { encode } from '../../../proto/codec.ts';
import { Cluster } from '../../../proto/generated/envoy.config.cluster.v3.ts';
import { ClusterLoadAssignment } from '../../../proto/generated/envoy.config.endpoint.v3.ts';
import { isLoopback } from '../../../server/admin/loopback-only.ts';
import { serveAdmin } from './serve-admin.ts';
import {
  aClusterStatus,
  aMesh,
  aProxyStatus,
  aReader,
  aTypeStatus,
  aVirtualService,
  anHttpRoute,
} from './two-regions.ts';
import { cluster1, cluster2, helloworld } from './two-regions.ts';

const json = async (url: string): Promise<unknown> => (await fetch(`http://${url}`)).json();

test('syncz has the keys of istiod, with nonces sent and acknowledged', async () => {
  const proxy = aProxyStatus({
    types: [
      aTypeStatus('cds', { sent: 'n2', acked: 'n2' }),
      aTypeStatus('lds', { sent: 'n4', acked: 'n3', status: 'STALE' }),
      aTypeStatus('rds', { sent: '', acked: '', status: 'NOT_SENT' }),
    ],
  });
  const { monitoring } = await serveAdmin(aReader({ proxies: () => [proxy] }));

  expect(await json(`${monitoring}/debug/syncz`)).toStrictEqual([
    {
      cluster_id: 'cluster-1',
      proxy: 'sleep-1.default',
      proxy_type: 'sidecar',
      istio_version: '1.31.0',
      cluster_sent: 'n2',
      cluster_acked: 'n2',
      listener_sent: 'n4',
      listener_acked: 'n3',
      resources: expect.any(Object),
    },
  ]);
});

test('clusterz says for each cluster what `istioctl remote-clusters` prints', async () => {
  const clusters = [aClusterStatus(cluster1), aClusterStatus(cluster2, { phase: 'stale' })];
  const { monitoring } = await serveAdmin(aReader({ clusters: () => clusters }));

  expect(await json(`${monitoring}/debug/clusterz`)).toMatchObject([
    { id: 'cluster-1', syncStatus: 'synced' },
    { id: 'cluster-2', secretName: '', syncStatus: 'timeout' },
  ]);
});

test('registryz, endpointz, endpointShardz and networkz show both clusters', async () => {
  const { http } = await serveAdmin(aReader());

  expect(await json(`${http}/debug/registryz`)).toMatchObject([
    {
      hostname: helloworld,
      ports: [{ name: 'http', port: 5000, protocol: 'HTTP' }],
      Clusters: ['cluster-1', 'cluster-2'],
    },
    {},
  ]);
  expect(await json(`${http}/debug/endpointz`)).toMatchObject([
    {
      svc: `${helloworld}:http`,
      ep: [{ Addresses: ['10.10.0.2'] }, { Addresses: ['10.20.0.2'], Network: 'network2' }],
    },
    { ep: [] },
  ]);
  expect(await json(`${http}/debug/endpointShardz`)).toMatchObject({
    [helloworld]: {
      default: {
        Shards: { 'Kubernetes/cluster-1': [{ EndpointPort: 5000 }], 'Kubernetes/cluster-2': [{ EndpointPort: 5000 }] },
        ServiceAccounts: { 'spiffe://cluster.local/ns/default/sa/helloworld': {} },
      },
    },
  });
  expect(await json(`${http}/debug/networkz`)).toStrictEqual([
    { Network: 'network1', Cluster: 'cluster-1', Addr: '192.0.2.1', Port: 15443 },
    { Network: 'network2', Cluster: 'cluster-2', Addr: '192.0.2.2', Port: 15443 },
  ]);
});

test('configz shows each policy once with its kind and namespace; mesh shows the names of MeshConfig', async () => {
  const mesh = aMesh({ virtualServices: [aVirtualService([anHttpRoute()])] });
  const { http } = await serveAdmin(aReader({ mesh: () => mesh }));

  expect(await json(`${http}/debug/configz`)).toMatchObject([
    {
      kind: 'VirtualService',
      apiVersion: 'networking.istio.io/v1',
      metadata: { name: 'canary', namespace: 'default' },
      spec: { hosts: [helloworld], http: [{ name: 'canary' }] },
    },
  ]);
  expect(await json(`${http}/debug/mesh`)).toMatchObject({
    trustDomain: 'cluster.local',
    outboundTrafficPolicy: { mode: 'ALLOW_ANY' },
    connectTimeout: '10s',
  });
});

test('config_dump has the shape of Envoy’s own, with decoded resources', async () => {
  const cluster = aResource(Cluster.typeUrl, 'outbound|5000||a', encode(Cluster, { name: 'outbound|5000||a' }));
  const assignment = aResource(
    ClusterLoadAssignment.typeUrl,
    'outbound|5000||a',
    encode(ClusterLoadAssignment, { clusterName: 'outbound|5000||a' }),
  );
  const dump = new Map([cluster, assignment].map((resource) => [resource.typeUrl, [resource]]));
  const configDump = (name: string) => (name === 'sleep-1.default' ? dump : undefined);
  const { http } = await serveAdmin(aReader({ configDump }));

  expect(await json(`${http}/debug/config_dump?proxyID=sleep-1.default`)).toMatchObject({
    configs: [
      {
        '@type': 'type.googleapis.com/envoy.admin.v3.ClustersConfigDump',
        dynamic_active_clusters: [
          { version_info: 'v1', cluster: { '@type': Cluster.typeUrl, name: 'outbound|5000||a' } },
        ],
      },
      {
        '@type': 'type.googleapis.com/envoy.admin.v3.EndpointsConfigDump',
        dynamic_endpoint_configs: [{ version_info: 'v1', endpoint_config: { '@type': ClusterLoadAssignment.typeUrl } }],
      },
    ],
  });
  expect(await json(`${http}/debug/edsz?proxyID=sleep-1.default`)).toHaveLength(1);
  expect((await fetch(`http://${http}/debug/config_dump`)).status).toBe(400);
  expect((await fetch(`http://${http}/debug/config_dump?proxyID=ghost.default`)).status).toBe(404);
});

test('a page that does not exist is answered with the list of those that do', async () => {
  const { http } = await serveAdmin(aReader());

  const response = await fetch(`http://${http}/debug/pushcontext`);

  expect(response.status).toBe(404);
  expect(await response.json()).toMatchObject({
    pages: expect.arrayContaining(['/debug/syncz', '/debug/config_dump']),
  });
  expect(await json(`${http}/debug/list`)).toContain('syncz');
});

test('callers from other machines get no debug page, and are told why', async (context) => {
  const own = Object.values(networkInterfaces())
    .flat()
    .find((address) => address?.family === 'IPv4' && !address.internal)?.address;
  context.skip(own === undefined, 'this machine has no address but loopback');
  const { http } = await serveAdmin(aReader(), '0.0.0.0');
  const port = http.split(':')[1];

  const response = await fetch(`http://${own}:${port}/debug/syncz`);

  expect(response.status).toBe(403);
  expect(await response.json()).toStrictEqual({ error: expect.stringContaining('loopback address only') });
  expect((await fetch(`http://${own}:${port}/ready`)).status).toBe(200);
});

test('a foreign name that was pointed at this machine reads no debug page', async () => {
  const { http } = await serveAdmin(aReader());

  const statuses = await Promise.all(
    ['rebound.example', 'localhost', '127.0.0.1:8080', '[::1]:8080'].map(async (host) => {
      const [response]: IncomingMessage[] = await once(
        get(`http://${http}/debug/syncz`, { headers: { host } }),
        'response',
      );
      response?.resume();
      return response?.statusCode;
    }),
  );

  expect(statuses).toStrictEqual([403, 200, 200, 200]);
});

test.for([
  ['127.0.0.1', true],
  ['127.8.8.8', true],
  ['::1', true],
  ['::ffff:127.0.0.1', true],
  ['10.0.0.1', false],
  ['::ffff:10.0.0.1', false],
  ['fe80::1', false],
  ['', false],
] as const)('%s is a loopback address: %s', ([address, expected]) => {
  expect(isLoopback(address)).toBe(expected);
});

function aResource(typeUrl: string, name: string, body: Uint8Array): EncodedResource {
  const frame = new Uint8Array();
  return {
    typeUrl,
    name: resourceName(name),
    version: resourceVersion('v1'),
    anyFrame: frame,
    deltaFrame: frame,
    body,
    sources: [],
  };
}
