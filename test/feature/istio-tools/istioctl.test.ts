// What `istioctl` sends and reads, without `istioctl`: proxy-status over xDS, version and remote-clusters over HTTP.
// Facts: istio/istio istioctl/pkg/{xds,multixds,proxystatus,writer/pilot,proxyconfig}, pkg/adsc.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { AdsStream, decoded, struct, type AdsOptions, type Response } from './ads-client.ts';
import { agentNode, startScene, toolNode, types, type ToolsScene } from './tools-scene.ts';

let scene: ToolsScene;
let proxy: AdsStream;

beforeAll(async () => {
  scene = await startScene();
  // The proxy that is asked about.
  proxy = new AdsStream({ address: scene.instance.xdsTls, token: 'sleep-token' });
  for (const typeUrl of [types.clusters, types.listeners]) {
    proxy.send({ typeUrl, ...(typeUrl === types.clusters ? { node: agentNode() } : {}) });
    const { nonce, versionInfo } = await proxy.nextOf(typeUrl);
    proxy.send({ typeUrl, responseNonce: nonce, versionInfo });
  }
});

afterAll(async () => {
  proxy?.[Symbol.dispose]();
  await scene?.[Symbol.asyncDispose]();
});

interface Asking extends Partial<AdsOptions> {
  readonly node?: object;
  readonly names?: readonly string[];
}

/** The request as `istioctl` makes it: with a nonce of its own invention. */
function ask(typeUrl: string, { node = toolNode(), names = [], delta = false, ...options }: Asking = {}): AdsStream {
  const token = options.plaintext === true ? undefined : 'tool-token';
  const stream = new AdsStream({ address: scene.instance.xdsTls, token, delta, ...options });
  stream.send({
    node,
    typeUrl,
    responseNonce: '2026-11-22 05:00:00.000 +0000 UTC',
    ...(delta ? { resourceNamesSubscribe: names } : { resourceNames: names }),
  });
  return stream;
}

async function answer(typeUrl: string, asking: Asking = {}): Promise<Response> {
  using stream = ask(typeUrl, asking);
  return await stream.next();
}

async function refusal(typeUrl: string, asking: Asking = {}): Promise<readonly [number, string]> {
  using stream = ask(typeUrl, asking);
  const { code, details } = await stream.status();
  return [code, details];
}

function page(response: Response): unknown {
  const [resource] = response.resources ?? [];
  return JSON.parse((resource?.resource ?? resource)?.value.toString() ?? '');
}

const invalidArgument = 3;
const permissionDenied = 7;
const unimplemented = 12;
const unauthenticated = 16;

test('proxy-status lists every proxy with the state of each type, and names the control plane', async () => {
  await expect.poll(async () => statesOf(await answer(types.syncz))).toMatchObject({ [types.listeners]: 'SYNCED' });
  const response = await answer(types.syncz);
  const [resource] = response.resources ?? [];
  expect([response.typeUrl, resource?.type_url]).toEqual([types.syncz, types.clientConfig]);
  expect(response.resources).toHaveLength(1);
  expect(decoded(resource ?? { type_url: '', value: Buffer.alloc(0) })).toMatchObject({
    node: {
      id: 'sleep-1.sample',
      metadata: struct({ CLUSTER_ID: 'cluster-1', NAMESPACE: 'sample', ISTIO_VERSION: '1.31.0' }),
    },
    genericXdsConfigs: [
      { typeUrl: types.clusters, configStatus: 'SYNCED', lastUpdated: { seconds: expect.any(String) } },
      { typeUrl: types.listeners, configStatus: 'SYNCED' },
    ],
  });
  expect(JSON.parse(response.controlPlane?.identifier ?? '')).toMatchObject({
    Component: 'istiod',
    ID: expect.stringMatching(/./),
    Info: {
      version: expect.stringMatching(/^\d+\.\d+\.\d+/),
      revision: expect.any(String),
      status: expect.any(String),
    },
  });
});

test('a proxy that rejects a response is shown with its words', async () => {
  using other = new AdsStream({ address: scene.instance.xdsTls, token: 'sleep-token' });
  other.send({ typeUrl: types.clusters, node: { ...agentNode(), id: 'sidecar~10.1.0.9~sleep-2.sample~sample.svc' } });
  const { nonce } = await other.next();
  other.send({ typeUrl: types.clusters, responseNonce: nonce, errorDetail: { code: 13, message: 'no such filter' } });
  await expect
    .poll(async () => (await answer(types.syncz)).resources?.map((resource) => decoded(resource)))
    .toContainEqual(
      expect.objectContaining({
        node: expect.objectContaining({ id: 'sleep-2.sample' }),
        genericXdsConfigs: [
          expect.objectContaining({
            configStatus: 'ERROR',
            errorState: expect.objectContaining({ details: 'no such filter' }),
          }),
        ],
      }),
    );
});

function statesOf(response: Response): Readonly<Record<string, string>> {
  const shown = (response.resources ?? []).map(
    (resource) =>
      decoded(resource) as {
        readonly node: { readonly id: string };
        readonly genericXdsConfigs?: readonly { readonly typeUrl: string; readonly configStatus: string }[];
      },
  );
  const own = shown.find(({ node }) => node.id === 'sleep-1.sample')?.genericXdsConfigs ?? [];
  return Object.fromEntries(own.map(({ typeUrl, configStatus }) => [typeUrl, configStatus]));
}

test('the same over delta, each proxy by its name', async () => {
  const response = await answer(types.syncz, { delta: true });
  expect(response.resources?.map(({ name, resource }) => [name, resource?.type_url])).toContainEqual([
    'sleep-1.sample',
    types.clientConfig,
  ]);
  expect(response.controlPlane?.identifier).toContain('istiod');
});

test('who asks is no proxy: not in the status, not in the counts', async () => {
  using stream = ask(types.syncz);
  await stream.next();
  const response = await answer(types.syncz);
  const ids = (response.resources ?? []).map((resource) => (decoded(resource) as { node: { id: string } }).node.id);
  expect(ids).not.toContain('test-1.default');
  expect(ids).not.toContain('test-1.istio-system');
  expect(JSON.stringify(await scene.instance.json('/debug/syncz'))).not.toContain('test-1');
});

test.each([{ delta: false }, { delta: true }])(
  'a receipt is not a question, a new request is ($delta)',
  async ({ delta }) => {
    using stream = ask(types.debug, { names: ['clusterz'], delta });
    const { nonce } = await stream.next();
    stream.send({ typeUrl: types.debug, responseNonce: nonce, ...(delta ? {} : { resourceNames: ['clusterz'] }) });
    stream.send({
      typeUrl: types.debug,
      responseNonce: nonce,
      ...(delta ? { resourceNamesSubscribe: ['mesh'] } : { resourceNames: ['mesh'] }),
    });
    expect(page(await stream.next())).toMatchObject({ trustDomain: 'cluster.local' });
    expect(stream.received).toHaveLength(2);
  },
);

test('proxy-status POD gets the sections of Envoy’s own dump, of that proxy', async () => {
  const response = await answer(types.configDump, { names: ['sleep-1.sample'] });
  expect(response.controlPlane).toBeUndefined();
  const sections = (response.resources ?? []).map((resource) => [resource.type_url, decoded(resource)] as const);
  expect(sections.map(([typeUrl]) => typeUrl.slice(typeUrl.lastIndexOf('.') + 1))).toEqual([
    'ClustersConfigDump',
    'ListenersConfigDump',
    'RoutesConfigDump',
  ]);
  expect(sections[0]?.[1]).toMatchObject({
    dynamicActiveClusters: expect.arrayContaining([
      expect.objectContaining({
        cluster: expect.objectContaining({ name: 'outbound|80||helloworld.sample.svc.cluster.local' }),
      }),
    ]),
  });
  expect(sections[1]?.[1]).toMatchObject({
    dynamicListeners: expect.arrayContaining([expect.objectContaining({ name: 'virtualInbound' })]),
  });
});

test('a route configuration is dumped with its virtual hosts, whichever way they travel', async () => {
  using other = new AdsStream({ address: scene.instance.xdsTls, token: 'sleep-token', delta: true });
  other.send({ typeUrl: types.clusters, node: { ...agentNode(), id: 'sidecar~10.1.0.8~sleep-3.sample~sample.svc' } });
  await other.next();
  const { resources = [] } = await answer(types.configDump, { names: ['sleep-3.sample'] });
  expect(decoded(resources[2] ?? { type_url: '', value: Buffer.alloc(0) })).toMatchObject({
    dynamicRouteConfigs: [
      {
        routeConfig: {
          name: '80',
          virtualHosts: expect.arrayContaining([
            expect.objectContaining({ domains: expect.arrayContaining(['helloworld.sample.svc.cluster.local']) }),
          ]),
        },
      },
    ],
  });
});

test('a proxy that is not here is answered with nothing, so that the next replica is asked', async () => {
  expect((await answer(types.configDump, { names: ['nobody.sample'] })).resources ?? []).toEqual([]);
});

test('any debug page is to be had by its name, in either form', async () => {
  const clusters = [{ id: 'cluster-1', syncStatus: 'synced' }];
  const byName = await answer(types.debug, { names: ['clusterz'] });
  expect([byName.resources?.[0]?.type_url, page(byName)]).toMatchObject([types.debug, clusters]);
  expect(page(await answer('istio.io/debug/clusterz'))).toMatchObject(clusters);
  expect(page(await answer(types.debug, { names: ['ndsz?proxyID=sleep-1.sample'] }))).toMatchObject({
    table: { 'helloworld.sample.svc.cluster.local': { ips: ['10.96.0.10'] } },
  });
});

test.each([
  ['no page at all', types.debug, [], 'exactly one resource name'],
  ['two pages at once', types.debug, ['mesh', 'clusterz'], 'exactly one resource name'],
  ['a page that there is not', types.debug, ['pushcontext'], 'There is no debug page pushcontext'],
  ['two proxies at once', types.configDump, ['a.sample', 'b.sample'], 'exactly one resource name'],
  ['clusters', types.clusters, [], 'a tool is served istio.io/debug types'],
])('a tool that asks for %s is told so', async (_what, typeUrl, names, words) => {
  expect(await refusal(typeUrl, { names })).toEqual([invalidArgument, expect.stringContaining(words)]);
});

test('nothing is told on the plaintext port', async () => {
  const options = { plaintext: true, address: scene.instance.xds };
  expect(await refusal(types.syncz, options)).toEqual([unauthenticated, expect.stringContaining('TLS port')]);
  using other = new AdsStream(options);
  other.send({ typeUrl: types.clusters, node: agentNode() });
  await other.next();
  other.send({ typeUrl: types.syncz });
  expect((await other.status()).code).toBe(unauthenticated);
});

test('a token that is not of the account that the node names opens nothing', async () => {
  const options = { token: 'curl-token' };
  expect(await refusal(types.syncz, options)).toEqual([permissionDenied, expect.stringContaining('namespace')]);
  expect((await refusal(types.syncz, { token: 'made-up' }))[0]).toBe(unauthenticated);
});

test('another namespace than that of the system sees its own proxies only', async () => {
  const sleep = { node: toolNode('sample', 'sleep'), token: 'sleep-token' };
  const curl = { node: toolNode('other', 'curl'), token: 'curl-token' };
  const names = ['sleep-1.sample'];
  expect(statesOf(await answer(types.syncz, sleep))).not.toEqual({});
  expect((await answer(types.syncz, curl)).resources ?? []).toEqual([]);
  expect((await answer(types.configDump, { ...sleep, names })).resources).toHaveLength(3);
  expect((await answer(types.configDump, { ...curl, names })).resources ?? []).toEqual([]);
  const dump = { names: ['config_dump?proxyID=sleep-1.sample'] };
  expect(page(await answer(types.debug, { ...sleep, ...dump }))).toHaveProperty('configs');
  expect((await refusal(types.debug, { ...curl, ...dump }))[0]).toBe(permissionDenied);
  expect((await refusal(types.debug, { ...sleep, names: ['clusterz'] }))[0]).toBe(permissionDenied);
});

test('an agent passes on questions over the stream of its proxy', async () => {
  using stream = new AdsStream({ address: scene.instance.xdsTls, token: 'sleep-token' });
  stream.send({ typeUrl: types.clusters, node: agentNode() });
  await stream.next();
  stream.send({ typeUrl: types.debug, resourceNames: ['edsz?proxyID=sleep-1.sample'] });
  expect(page(await stream.nextOf(types.debug))).toBeInstanceOf(Array);
});

test.each([
  ['grpc', 'gRPC clients without a proxy'],
  ['api', 'read them from the Kubernetes API'],
  ['mystery', '"mystery"'],
])('a node with GENERATOR %s is told that it is not served', async (generator, words) => {
  const node = { ...agentNode(), metadata: struct({ GENERATOR: generator, NAMESPACE: 'istio-system' }) };
  expect(await refusal(types.clusters, { node })).toEqual([unimplemented, expect.stringContaining(words)]);
});

test('version is VERSION-REVISION-STATUS in one line', async () => {
  const text = await (await fetch(`http://${scene.instance.monitoring}/version`)).text();
  // As `istioctl version` takes it apart.
  const parts = text.trim().split('-');
  expect(parts).toHaveLength(3);
  expect(parts[0]).toMatch(/^\d+\.\d+\.\d+$/);
});

test('remote-clusters and the proxies of version read the monitoring port', async () => {
  const get = async (path: string): Promise<unknown> =>
    (await fetch(`http://${scene.instance.monitoring}${path}`)).json();
  expect(await get('/debug/clusterz')).toMatchObject([{ id: 'cluster-1', syncStatus: 'synced' }]);
  expect(await get('/debug/syncz')).toContainEqual(
    expect.objectContaining({
      cluster_id: 'cluster-1',
      proxy: 'sleep-1.sample',
      proxy_type: 'sidecar',
      istio_version: '1.31.0',
      cluster_sent: expect.any(String),
      cluster_acked: expect.any(String),
      resources: expect.objectContaining({
        [types.clusters]: expect.objectContaining({ sent: expect.any(String), acked: expect.any(String) }),
      }),
    }),
  );
});
