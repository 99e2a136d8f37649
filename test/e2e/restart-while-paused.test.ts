// A Kubernetes API server that hangs (SIGSTOP: connections open, no answers) while an instance is started again: first as the
// API server of a remote, then as the instance's own.

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { stringify } from 'yaml';
import type { ClusterStatus } from '../../discovery/model/cluster-snapshot.ts';
import type { TestObject } from '../support/kube-api.ts';
import { namespaceManifest, serviceManifest, sliceManifest } from '../support/kube-objects.ts';
import { asPrimary, asRemoteReader, namespaceObject } from '../support/kube-primary.ts';
import { startKubeCluster, type KubeCluster } from '../support/kube.ts';
import { startServe, type ServeProcess } from '../support/serve-process.ts';
import { waitFor } from '../support/wait-for.ts';

const serviceCount = 500;

let cluster: KubeCluster;
let base: string;
const running = new Set<ServeProcess>();

beforeAll(async () => {
  base = await mkdtemp(path.join(tmpdir(), 'paused-'));
  cluster = await startKubeCluster();
  await cluster.api.apply(namespaceObject('sample'));
  const objects = Array.from({ length: serviceCount }, (_, index) => [
    serviceManifest(`service-${index}`),
    sliceManifest(`service-${index}-1`, `service-${index}`, [`10.2.${Math.floor(index / 250)}.${(index % 250) + 1}`]),
  ]);
  await cluster.api.apply(...(objects.flat() as unknown as TestObject[]));
}, 900_000);

afterEach(async () => {
  cluster.resumeApiServer();
  for (const instance of running) await instance[Symbol.asyncDispose]();
  running.clear();
});

afterAll(async () => {
  await cluster?.stop();
  await rm(base, { recursive: true, force: true });
});

async function start(argv: readonly string[]): Promise<ServeProcess> {
  const instance = await startServe({ argv });
  running.add(instance);
  return instance;
}

async function reaches(instance: ServeProcess, id: string, phase: string): Promise<ClusterStatus> {
  const found = await waitFor(
    async () => {
      const list = (await instance.json('/api/v1/clusters')) as readonly ClusterStatus[];
      return list.find(({ clusterId }) => clusterId === id);
    },
    (status) => status?.phase === phase,
    { what: `${id} to be ${phase}`, timeoutMs: 90_000 },
  );
  if (found === undefined) throw new Error(`there is no ${id}`);
  return found;
}

/** An instance that knew the cluster is stopped, the API server is paused, and the instance started again. */
async function restartWhilePaused(
  argv: readonly string[],
  id: string,
): Promise<{ now: ServeProcess; readyMs: number }> {
  const before = await start(argv);
  expect(await reaches(before, id, 'running')).toMatchObject({ services: expect.any(Number) as number });
  await before.process.stop();
  cluster.pauseApiServer();
  const startedAt = performance.now();
  const now = await start(argv);
  return { now, readyMs: performance.now() - startedAt };
}

test('while the API server of a remote hangs: ready at once, with all of its services, and current afterwards', async () => {
  const registry = path.join(base, 'cluster-1');
  await mkdir(registry);
  await writeFile(path.join(registry, 'objects.yaml'), stringify(namespaceManifest('sample')));
  const kubeconfig = await asRemoteReader(cluster);
  const argv = ['--cluster-id', 'cluster-1', '--network', 'network1', '--registry', registry];
  argv.push('--remote', `cluster-2=${kubeconfig}`, '--state-dir', path.join(base, 'state-1'));
  const { now, readyMs } = await restartWhilePaused(argv, 'cluster-2');

  console.info(`ready after ${Math.round(readyMs)} ms while the remote API server hangs`);
  // Nothing of the outage is waited for: the shortest time-out there is would not fit.
  expect(readyMs).toBeLessThan(10_000);
  const stale = await reaches(now, 'cluster-2', 'stale');
  expect(stale.services).toBeGreaterThanOrEqual(serviceCount);
  expect(stale.endpoints).toBeGreaterThanOrEqual(serviceCount);
  expect(stale.staleSince).toBeDefined();

  cluster.resumeApiServer();
  expect((await reaches(now, 'cluster-2', 'running')).services).toBe(stale.services);
  await cluster.api.delete(serviceManifest('service-0') as TestObject);
  await waitFor(
    async () => (await reaches(now, 'cluster-2', 'running')).services,
    (services) => services === stale.services - 1,
    { what: 'the removal of a service' },
  );
});

test('while its own API server hangs: ready, and what it knew is served', async () => {
  const kubeconfig = await asPrimary(cluster);
  const argv = ['--cluster-id', 'cluster-2', '--network', 'network2', '--kubeconfig', kubeconfig];
  argv.push('--state-dir', path.join(base, 'state-2'));
  const { now, readyMs } = await restartWhilePaused(argv, 'cluster-2');

  console.info(`ready after ${Math.round(readyMs)} ms while its own API server hangs`);
  expect(readyMs).toBeLessThan(20_000);
  const stale = await reaches(now, 'cluster-2', 'stale');
  expect(stale.services).toBeGreaterThanOrEqual(serviceCount - 1);

  cluster.resumeApiServer();
  expect((await reaches(now, 'cluster-2', 'running')).services).toBe(stale.services);
});
