// The measurement of steady changes, small: every change is written, arrives, and is timed, in one cluster and in two.

import { expect, test } from 'vitest';
import { fillMesh, fleetIn } from '../bench/churn/churn-mesh.ts';
import { openOneCluster, openTwoClusters, type ChurnScene } from '../bench/churn/churn-scene.ts';
import { measureChurn } from '../bench/churn/measure-churn.ts';
import { Load } from '../bench/fleet/load.ts';
import { openDirectory, type BenchRegistry } from '../bench/registry.ts';
import { clusterId, network, startServer } from '../bench/server-under-test.ts';

const mesh = { services: 40, endpoints: 2, namespaces: 2 };
const proxies = 6;
const seconds = 4;
const warmUpSeconds = 1;
/** Some services change twice, four seconds apart. */
const rate = 10;

async function openFilled(): Promise<BenchRegistry> {
  const registry = await openDirectory();
  await fillMesh(registry, mesh);
  return registry;
}

const places: readonly { readonly where: string; readonly open: () => Promise<ChurnScene> }[] = [
  { where: 'in one cluster', open: () => openOneCluster(openFilled, mesh) },
  { where: 'in two clusters on two networks', open: async () => openTwoClusters(await openDirectory(), mesh) },
];

test.each(places)(
  'steady changes $where are all timed, and only the proxies of their namespace hear of them',
  { timeout: 120_000 },
  async ({ open }) => {
    await using scene = await open();
    await using server = await startServer(scene.registry);
    await scene.ready(server);
    await using load = new Load();
    await load.call('connect', { ...server.plaintext, ...fleetIn(mesh), count: proxies, clusterId, network });
    await server.inspector.watchVitals();
    const before = await load.call('counts');
    const lines: string[] = [];
    const figures = await measureChurn(
      { ...mesh, proxies, seconds, warmUpSeconds, rate },
      { server, load, scene, say: (line) => lines.push(line) },
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
  },
);
