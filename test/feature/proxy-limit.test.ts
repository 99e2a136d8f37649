// An instance that may serve one proxy, and what it takes for one: Envoy's streams over the TLS port beside those of its agent, its
// machine's registration and a tool.

import { afterEach, expect, test } from 'vitest';
import { readCounter } from '../bench/scrape.ts';
import { waitFor } from '../support/wait-for.ts';
import { AdsStream } from './istio-tools/ads-client.ts';
import { agentNode, startScene, toolNode, types, type ToolsScene } from './istio-tools/tools-scene.ts';

interface Shown {
  readonly proxy: string;
  readonly types: readonly { readonly name: string }[];
}

let scene: ToolsScene;
const streams: AdsStream[] = [];

afterEach(async () => {
  for (const stream of streams.splice(0)) stream[Symbol.dispose]();
  await scene?.[Symbol.asyncDispose]();
});

function open(typeUrl: string, node = agentNode(), token = 'sleep-token'): AdsStream {
  const stream = new AdsStream({ address: scene.instance.xdsTls, token, delta: true });
  streams.push(stream);
  stream.send({ node, typeUrl });
  return stream;
}

async function served(typeUrl: string): Promise<AdsStream> {
  const stream = open(typeUrl);
  await stream.nextOf(typeUrl);
  return stream;
}

const counted = (): Promise<number> => readCounter(scene.instance.monitoring, 'isthmus_connected_proxies');

const shown = async (): Promise<readonly Shown[]> => (await scene.instance.json('/api/v1/proxies')) as readonly Shown[];

const otherNode = { ...agentNode(), id: 'sidecar~10.1.0.9~sleep-2.sample~sample.svc.cluster.local' };

test('streams of its agent, of its machine and of a tool do not make one proxy several, and none of them is refused', async () => {
  scene = await startScene('--max-proxies', '1');
  await served(types.names);
  expect(await counted()).toBe(0);
  await served(types.clusters);
  await served(types.proxyConfig);
  await open(types.syncz, toolNode(), 'tool-token').nextOf(types.syncz);
  expect(await counted()).toBe(1);
  expect((await shown()).map(({ proxy, types: own }) => [proxy, own.map(({ name }) => name)])).toEqual([
    ['sleep-1.sample', ['cds', 'nds', 'pcds']],
  ]);
});

test('a further proxy is refused, and one that comes back before its old stream has ended is not', async () => {
  scene = await startScene('--max-proxies', '1');
  const old = await served(types.clusters);
  expect(await open(types.clusters, otherNode).status()).toMatchObject({
    code: 8,
    details: expect.stringContaining('this instance serves 1 proxies') as string,
  });
  await served(types.clusters);
  expect(await counted()).toBe(1);
  old[Symbol.dispose]();
  await waitFor(
    () => shown(),
    (proxies) => proxies.length === 1,
    { what: 'the old stream to end' },
  );
  expect(await counted()).toBe(1);
  expect(await open(types.clusters, otherNode).status()).toMatchObject({ code: 8 });
});

test('there is room for another proxy when the last stream of the one has ended, whatever its agent has open', async () => {
  scene = await startScene('--max-proxies', '1');
  await served(types.names);
  const envoy = await served(types.clusters);
  envoy[Symbol.dispose]();
  await waitFor(counted, (count) => count === 0, { what: 'the proxy to leave' });
  await open(types.clusters, otherNode).nextOf(types.clusters);
  expect(await counted()).toBe(1);
});
