// The measurement of steady changes, small: every change is written, arrives, and is timed.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { fillMesh, fleetIn } from '../bench/churn/churn-mesh.ts';
import { measureChurn } from '../bench/churn/measure-churn.ts';
import { Load } from '../bench/fleet/load.ts';
import { openDirectory, type BenchRegistry } from '../bench/registry.ts';
import { clusterId, network, startServer, type ServerUnderTest } from '../bench/server-under-test.ts';

const mesh = { services: 41, endpoints: 2, namespaces: 2 };
const proxies = 6;
const seconds = 2;
const warmUpSeconds = 0.5;
const rate = 20;

let registry: BenchRegistry;
let server: ServerUnderTest;
let load: Load;

beforeAll(async () => {
  registry = await openDirectory();
  await fillMesh(registry, mesh);
  server = await startServer(registry);
  load = new Load();
  await load.call('connect', { ...server.plaintext, ...fleetIn(mesh), count: proxies, clusterId, network });
  await server.inspector.watchVitals();
}, 60_000);

afterAll(async () => {
  await load[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
  await registry[Symbol.asyncDispose]();
});

test('steady changes are all timed, and only the proxies of their namespace hear of them', async () => {
  const before = await load.call('counts');
  const lines: string[] = [];
  const figures = await measureChurn(
    { ...mesh, proxies, seconds, warmUpSeconds, rate },
    { server, load, registry, say: (line) => lines.push(line) },
  );
  const received = await load.call('counts');
  expect(figures.changes).toBe(seconds * rate);
  expect(figures.folded).toBe(0);
  expect(received.resources - before.resources).toBe(((seconds + warmUpSeconds) * rate * proxies) / mesh.namespaces);
  expect(figures.minutes).toHaveLength(1);
  expect(figures.minutes[0]).toMatchObject({ changes: figures.changes, written: figures.written });
  expect(figures.written.p50).toBeGreaterThan(figures.stored.p50);
  expect(figures.written.max).toBeGreaterThanOrEqual(figures.written.p99);
  expect(figures.minutes[0]?.serverCpu).toBeGreaterThan(0);
  expect(figures.minutes[0]?.rss).toBeGreaterThan(0);
  expect(lines).toHaveLength(1);
});
