// What changes cost the proxies of one of two regions, counted exactly: two clusters on two networks, proxies over TLS.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { Load } from '../bench/fleet/load.ts';
import { namespace } from '../bench/manifests.ts';
import { readOptions } from '../bench/options.ts';
import { benchOf, measureOwnChange, measureRemoteChange, type RegionBench } from '../bench/regions/measure-regions.ts';
import { openRegions, untilRemoteIsRead } from '../bench/regions/regions.ts';
import { openDirectory } from '../bench/registry.ts';
import { measureReconnect, measureRouteChange } from '../bench/scenarios.ts';
import { clusterId, network, startServer } from '../bench/server-under-test.ts';

const size = { services: 5, endpoints: 3 };
const proxies = 4;
const one = { messages: 1, resources: 1, removed: 0, encodings: 1 };

const stack = new AsyncDisposableStack();
let bench: RegionBench;

beforeAll(async () => {
  const regions = stack.use(await openRegions(await openDirectory(), size));
  const server = stack.use(await startServer(regions.own));
  await untilRemoteIsRead(server, size);
  const load = stack.use(new Load());
  await load.call('connect', { ...server.tls, count: proxies, namespace, clusterId, network });
  const options = readOptions(['--services', '5', '--proxies', String(proxies), '--trials', '3']);
  bench = { options, server, load, regions };
}, 60_000);

afterAll(() => stack.disposeAsync());

test('an endpoint in the own cluster is one message with one assignment for each proxy', async () => {
  const { trials, counts } = await measureOwnChange(bench);
  expect(trials).toBe(3);
  expect(counts).toMatchObject(one);
});

test('an endpoint in the remote is one message with one assignment, in which its gateway weighs more', async () => {
  const { trials, counts } = await measureRemoteChange(bench);
  expect(trials).toBe(3);
  expect(counts).toMatchObject(one);
});

test('an edited VirtualService is one message with one virtual host for each proxy', async () => {
  const { counts } = await measureRouteChange(benchOf(bench));
  expect(counts).toMatchObject(one);
});

test('who comes back with what it holds of both regions is sent nothing', async () => {
  const { counts } = await measureReconnect(benchOf(bench));
  expect(counts).toEqual({ messages: 0, bytes: 0, resources: 0, removed: 0, encodings: 0 });
});
