// The JSON API and readiness, over real HTTP.

import { expect, test } from 'vitest';
import { serviceHostname } from '../../../discovery/model/names.ts';
import type { MeshService } from '../../../discovery/model/service.ts';
import { listen } from '../../../server/admin/listen.ts';
import { readOnlyApp } from '../../../server/admin/read-only.ts';
import { serveAdmin } from './serve-admin.ts';
import {
  aClusterStatus,
  aMesh,
  anEndpoint,
  aReader,
  aService,
  cluster1,
  cluster2,
  gateway1,
  helloworld,
  network1,
  network2,
} from './two-regions.ts';

interface Answer {
  readonly status: number;
  // oxlint-disable-next-line typescript/no-explicit-any -- whatever JSON the server sends: the tests say what it must be
  readonly body: any;
  readonly headers: Headers;
}

const get = async (url: string): Promise<Answer> => {
  const response = await fetch(`http://${url}`);
  return { status: response.status, body: await response.json(), headers: response.headers };
};

test('an instance whose primary has synced is ready, whatever its remotes do', async () => {
  const clusters = [aClusterStatus(cluster1), aClusterStatus(cluster2, { phase: 'connecting' })];
  const { http } = await serveAdmin(aReader({ clusters: () => clusters }));

  expect(await get(`${http}/ready`)).toMatchObject({ status: 200, body: { ready: true } });
});

test('an instance that is not ready says what it waits for', async () => {
  const readiness = { ready: false, waitingFor: ['the first sync of cluster-1'] };
  const { http } = await serveAdmin(aReader({ ready: () => readiness }));

  const { status, body } = await get(`${http}/ready`);

  expect(status).toBe(503);
  expect(body).toStrictEqual({
    ready: false,
    waitingFor: ['the first sync of cluster-1'],
    error: 'Not ready: waiting for the first sync of cluster-1.',
  });
});

test('/api/v1/clusters has exactly the fixed fields, with absent ones left out', async () => {
  const problem = {
    severity: 'error',
    code: 'invalid-address',
    field: 'endpoints[0].addresses[0]',
    origin: { place: 'cluster-2/slice.yaml', line: 12 },
    message: 'not an IP address',
  } as const;
  const stale = aClusterStatus(cluster2, {
    phase: 'stale',
    staleSince: '2026-01-02T03:00:00.000Z',
    error: 'connection refused',
    problems: [problem],
    conditions: [{ name: 'root-mismatch', message: 'other root' }],
  });
  const { http } = await serveAdmin(aReader({ clusters: () => [aClusterStatus(cluster1), stale] }));

  const { body, headers } = await get(`${http}/api/v1/clusters`);

  expect(headers.get('content-type')).toMatch('application/json');
  expect(body).toStrictEqual([
    {
      clusterId: 'cluster-1',
      network: 'network1',
      mode: 'primary',
      phase: 'running',
      lastEventAt: '2026-01-02T03:04:05.000Z',
      services: 2,
      endpoints: 1,
      problems: [],
      conditions: [],
    },
    {
      clusterId: 'cluster-2',
      network: 'network2',
      mode: 'discovery-only',
      phase: 'stale',
      lastEventAt: '2026-01-02T03:04:05.000Z',
      services: 2,
      endpoints: 1,
      staleSince: '2026-01-02T03:00:00.000Z',
      error: 'connection refused',
      problems: [problem],
      conditions: [{ name: 'root-mismatch', message: 'other root' }],
    },
  ]);
});

test('services are listed by host with endpoint counts by cluster, network and health', async () => {
  const mesh = aMesh({
    services: [aService('zebra'), aService('helloworld')],
    endpoints: [
      [
        helloworld,
        [
          anEndpoint('10.10.0.2', cluster1),
          anEndpoint('10.10.0.3', cluster1, { health: 'unhealthy' }),
          anEndpoint('10.20.0.2', cluster2, { health: 'draining' }),
        ],
      ],
    ],
  });
  const { http } = await serveAdmin(aReader({ mesh: () => mesh }));

  const { body } = await get(`${http}/api/v1/services`);

  expect(body.map((service: { host: string }) => service.host)).toStrictEqual([
    helloworld,
    serviceHostname('zebra', 'default', 'cluster.local'),
  ]);
  expect(body[0]).toMatchObject({
    ports: [{ name: 'http', port: 5000, protocol: 'http' }],
    clusters: ['cluster-1', 'cluster-2'],
    endpoints: 3,
    endpointCounts: [
      { clusterId: 'cluster-1', network: 'network1', healthy: 1, draining: 0, unhealthy: 1 },
      { clusterId: 'cluster-2', network: 'network2', healthy: 0, draining: 1, unhealthy: 0 },
    ],
  });
  expect(body[1]).toMatchObject({ endpoints: 0, endpointCounts: [] });
});

test('a document that did not change is not sent again, and one that did is', async () => {
  let mesh = aMesh();
  const { http } = await serveAdmin(aReader({ mesh: () => mesh }));
  const url = `http://${http}/api/v1/services`;
  const first = await fetch(url);
  const etag = first.headers.get('etag') ?? '';

  const again = await fetch(url, { headers: { 'If-None-Match': etag } });
  mesh = { ...mesh, endpoints: mesh.endpoints.with([[helloworld, [anEndpoint('10.10.0.2', cluster1)]]]) };
  const changed = await fetch(url, { headers: { 'If-None-Match': etag } });

  expect(again.status).toBe(304);
  expect(changed.status).toBe(200);
  expect(await changed.json()).toMatchObject([{ host: helloworld, endpoints: 1 }, {}]);
});

test('a network without a gateway is listed with none', async () => {
  const mesh = aMesh({ gateways: new Map([[network1, [gateway1]]]) });
  const { http } = await serveAdmin(aReader({ mesh: () => mesh }));

  const { body } = await get(`${http}/api/v1/networks`);

  expect(body).toStrictEqual([
    {
      network: network1,
      clusters: ['cluster-1'],
      gateways: [{ clusterId: 'cluster-1', address: '192.0.2.1', port: 15443, inUse: true }],
      endpoints: 1,
    },
    { network: network2, clusters: ['cluster-2'], gateways: [], endpoints: 1 },
  ]);
});

test('connected proxies are listed with every type', async () => {
  const reader = aReader();
  const { http } = await serveAdmin(reader);

  expect((await get(`${http}/api/v1/proxies`)).body).toStrictEqual(reader.proxies());
});

test('endpoints of a host are found by its short name, and near misses are named', async () => {
  const { http } = await serveAdmin(aReader());

  const found = await get(`${http}/api/v1/endpoints?host=helloworld`);
  const missed = await get(`${http}/api/v1/endpoints?host=heloworld`);

  expect(found.body.endpoints.map((endpoint: { address: string }) => endpoint.address)).toStrictEqual([
    '10.10.0.2',
    '10.20.0.2',
  ]);
  expect(missed).toMatchObject({ status: 404, body: { suggestions: [helloworld] } });
});

test('endpoints of one port are those that serve it; an unknown port, an address and wrong use are told apart', async () => {
  const service = aService('helloworld', {
    addresses: new Map([[cluster1, ['10.96.0.10']]]),
    ports: [
      { name: 'http', port: 5000, protocol: 'http' },
      { name: 'grpc', port: 9000, protocol: 'grpc' },
    ],
  });
  const endpoints = [
    anEndpoint('10.10.0.2', cluster1),
    anEndpoint('10.10.0.3', cluster1, { ports: { http: 5000, grpc: 9001 } }),
  ];
  const mesh = aMesh({ services: [service], endpoints: [[helloworld, endpoints]] });
  const { http } = await serveAdmin(aReader({ mesh: () => mesh }));
  const of = (host: string) => get(`${http}/api/v1/endpoints?host=${encodeURIComponent(host)}`);

  expect(await of('helloworld:9000')).toMatchObject({
    status: 200,
    body: { host: helloworld, port: 9000, endpoints: [{ address: '10.10.0.3', ports: { grpc: 9001 } }] },
  });
  expect((await of('helloworld:9000')).body.endpoints[0].ports).toStrictEqual({ grpc: 9001 });
  expect((await of('10.96.0.10')).body.endpoints).toHaveLength(2);
  expect(await of('helloworld:9')).toMatchObject({
    status: 404,
    body: { error: expect.stringContaining('it has ports 5000 (http), 9000 (grpc)') },
  });
  expect(await of('a:b:c')).toMatchObject({ status: 400, body: { error: 'a:b:c is not HOST or HOST:PORT.' } });
  expect(await of('helloworld/path')).toMatchObject({ status: 400 });
  expect((await of('zzzzzzzz')).body.error).toMatch(
    /^No service zzzzzzzz is known\. Write NAME\.NAMESPACE .*the dashboard/,
  );
});

test('a bare name that one namespace has finds its endpoints, and one that two have is not guessed', async () => {
  const [blue, green] = ['blue', 'green'].map((namespace) =>
    aService('api', { namespace, host: serviceHostname('api', namespace, 'cluster.local') }),
  ) as [MeshService, MeshService];
  const [one, two] = await Promise.all([
    serveAdmin(aReader({ mesh: () => aMesh({ services: [blue] }) })),
    serveAdmin(aReader({ mesh: () => aMesh({ services: [blue, green] }) })),
  ]);

  expect(await get(`${one.http}/api/v1/endpoints?host=api`)).toMatchObject({
    status: 200,
    body: { host: 'api.blue.svc.cluster.local' },
  });
  expect(await get(`${two.http}/api/v1/endpoints?host=api`)).toMatchObject({
    status: 404,
    body: { suggestions: ['api.blue.svc.cluster.local', 'api.green.svc.cluster.local'] },
  });
});

test('a question for why that is incomplete, unreadable or about nobody is refused in words', async () => {
  const { http } = await serveAdmin(aReader());

  const incomplete = await get(`${http}/api/v1/why?from=sleep-1.default`);
  const unreadable = await get(`${http}/api/v1/why?from=sleep-1.default&to=a:b:c`);
  const nobody = await get(`${http}/api/v1/why?from=ghost.default&to=helloworld`);

  expect(incomplete).toMatchObject({ status: 400, body: { error: expect.stringContaining('from=POD.NAMESPACE') } });
  expect(unreadable).toMatchObject({ status: 400, body: { error: expect.stringContaining('a:b:c') } });
  expect(nobody).toMatchObject({
    status: 404,
    body: { error: expect.stringMatching(/ghost\.default.*`isthmus proxies`/) },
  });
  expect(await get(`${http}/api/v1/why?from=sleep-1&to=helloworld`)).toMatchObject({
    status: 400,
    body: { error: 'sleep-1 has no namespace: write POD.NAMESPACE. Close: sleep-1.default.' },
  });
  expect(await get(`${http}/api/v1/why?from=sleep-1.default&to=helloworld&header=secret`)).toMatchObject({
    status: 400,
    body: { error: expect.stringMatching(/^Header 1 is not NAME: VALUE/) },
  });
});

test('HEAD answers as GET without a body; other methods are refused; unknown paths are not found', async () => {
  const { http } = await serveAdmin(aReader());

  const head = await fetch(`http://${http}/api/v1/clusters`, { method: 'HEAD' });
  const post = await fetch(`http://${http}/api/v1/clusters`, { method: 'POST', body: '[]' });
  const unknown = await get(`${http}/api/v1/nothing`);

  expect(head.status).toBe(200);
  expect(await head.text()).toBe('');
  expect(post.status).toBe(405);
  expect(post.headers.get('allow')).toBe('GET, HEAD');
  expect(await post.json()).toStrictEqual({ error: expect.stringContaining('POST') });
  expect(unknown).toMatchObject({ status: 404, body: { error: expect.stringContaining('/api/v1/nothing') } });
});

test('a page that throws is answered with 500 without its reason, reported, and the next one is served', async () => {
  const failing = aReader({
    clusters: () => {
      throw new Error('secret detail');
    },
  });
  const { http, failures } = await serveAdmin(failing);

  const failed = await get(`${http}/api/v1/clusters`);
  const next = await get(`${http}/api/v1/services`);

  expect(failed.status).toBe(500);
  expect(JSON.stringify(failed.body)).not.toContain('secret detail');
  expect(failures).toStrictEqual(['/api/v1/clusters']);
  expect(next.status).toBe(200);
});

test('a port that another program has is an error that names it', async () => {
  const { http } = await serveAdmin(aReader());
  const port = Number(http.split(':')[1]);
  const app = readOnlyApp({ onFailure: () => {} });

  const second = listen(app, { bind: '127.0.0.1', port, signal: new AbortController().signal });

  await expect(second).rejects.toMatchObject({
    code: 'address-in-use',
    message: expect.stringContaining(String(port)),
  });
});

test('the dashboard loads nothing from elsewhere', async () => {
  const { http } = await serveAdmin(aReader());

  for (const [path, type] of [
    ['/', 'text/html'],
    ['/dashboard.css', 'text/css'],
    ['/dashboard.js', 'text/javascript'],
  ] as const) {
    const response = await fetch(`http://${http}${path}`);
    expect(response.headers.get('content-type')).toContain(type);
    expect(response.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(await response.text()).not.toMatch(/https?:\/\//);
  }
});
