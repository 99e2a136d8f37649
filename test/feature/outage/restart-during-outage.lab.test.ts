// Whole instances as processes over directories, started again while a directory is missing: what they knew is served from the
// first moment, and once the directory is back everything is as after a fresh start.

import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { stringify } from 'yaml';
import type { ProxyStatus } from '../../../server/admin/proxy-status.ts';
import type { ClusterStatus } from '../../../discovery/model/cluster-snapshot.ts';
import { loadServices, type LoadedServices } from '../../../proto/loader.ts';
import { typeUrls } from '../../../server/stream/type-rules.ts';
import { namespaceManifest, podManifest, serviceManifest, type Manifest } from '../../support/kube-objects.ts';
import { startServe, type ServeProcess } from '../../support/serve-process.ts';
import { waitFor } from '../../support/wait-for.ts';
import { variants, XdsClient, type XdsStream } from '../../support/xds-client.ts';

const remoteServices = 500;

let base: string;
let services: LoadedServices;
const running = new Set<ServeProcess>();

beforeAll(() => {
  services = loadServices();
});
beforeEach(async () => {
  base = await mkdtemp(path.join(tmpdir(), 'outage-'));
  await write('cluster-1', 'objects.yaml', [
    namespaceManifest('istio-system', { 'topology.istio.io/network': 'network1' }),
    ...app('local', '10.1.0.1'),
  ]);
  const remote = Array.from({ length: remoteServices }, (_, index) =>
    app(`remote-${index}`, `10.2.${Math.floor(index / 250)}.${(index % 250) + 1}`),
  );
  await write('cluster-2', 'objects.yaml', [
    namespaceManifest('istio-system', { 'topology.istio.io/network': 'network1' }),
    ...remote.flat(),
  ]);
});
afterEach(async () => {
  for (const instance of running) await instance[Symbol.asyncDispose]();
  running.clear();
  await rm(base, { recursive: true, force: true });
});

function app(name: string, address: string): readonly Manifest[] {
  return [
    serviceManifest(name, { clusterIP: '10.96.0.1', ports: [{ name: 'http', port: 80, targetPort: 8080 }] }),
    podManifest(`${name}-1`, address, name),
  ];
}

async function write(cluster: string, file: string, manifests: readonly Manifest[]): Promise<void> {
  await mkdir(path.join(base, cluster), { recursive: true });
  await writeFile(path.join(base, cluster, file), manifests.map((manifest) => stringify(manifest)).join('---\n'));
}

const away = (cluster: string) => rename(path.join(base, cluster), path.join(base, `${cluster}-away`));
const back = (cluster: string) => rename(path.join(base, `${cluster}-away`), path.join(base, cluster));

async function start(state: string, ...more: readonly string[]): Promise<ServeProcess> {
  const argv = ['--cluster-id', 'cluster-1', '--network', 'network1', '--registry', path.join(base, 'cluster-1')];
  argv.push('--remote', `cluster-2=${path.join(base, 'cluster-2')}`, '--state-dir', path.join(base, state), ...more);
  const instance = await startServe({ argv });
  running.add(instance);
  return instance;
}

async function statuses(instance: ServeProcess): Promise<Readonly<Record<string, ClusterStatus>>> {
  const list = (await instance.json('/api/v1/clusters')) as readonly ClusterStatus[];
  return Object.fromEntries(list.map((status) => [status.clusterId, status]));
}

async function reaches(instance: ServeProcess, cluster: string, phase: string): Promise<ClusterStatus> {
  const found = await waitFor(
    async () => (await statuses(instance))[cluster],
    (status) => status?.phase === phase,
    { what: `${cluster} to be ${phase}` },
  );
  if (found === undefined) throw new Error(`no ${cluster}`);
  return found;
}

/** All that the answer to one request brings: a large one comes in several responses, each after the answer to the last. */
async function everyVersion(
  instance: ServeProcess,
  stream: XdsStream,
  typeUrl: string,
): Promise<Readonly<Record<string, string>>> {
  const versions: Record<string, string> = {};
  for (let received = 1; ; received += 1) {
    Object.assign(versions, (await stream.accept(typeUrl)).versions);
    const { pushes } = await waitFor(
      async () => {
        const proxies = (await instance.json('/api/v1/proxies')) as readonly ProxyStatus[];
        const type = proxies.flatMap(({ types }) => types).find((each) => each.typeUrl === typeUrl);
        return { pushes: type?.pushes ?? 0, status: type?.status };
      },
      (now) => now.pushes > received || now.status === 'SYNCED',
      { what: `the next response of ${typeUrl}, or the end` },
    );
    if (pushes === received) return versions;
  }
}

/** Names with versions (hashes of the bytes) of everything that a sidecar of the primary is sent. */
async function served(instance: ServeProcess): Promise<Readonly<Record<string, Readonly<Record<string, string>>>>> {
  const delta = variants.find(({ title }) => title === 'aggregated delta');
  if (delta === undefined) throw new Error('there is such a variant');
  const client = new XdsClient(instance.xds, services);
  try {
    const stream = client.open(delta, typeUrls.cluster);
    const node = {
      id: 'sidecar~10.1.0.1~local-1.sample~sample.svc.cluster.local',
      metadata: { fields: { NAMESPACE: { stringValue: 'sample' }, CLUSTER_ID: { stringValue: 'cluster-1' } } },
    };
    const all: Record<string, Readonly<Record<string, string>>> = {};
    for (const [name, typeUrl] of Object.entries({
      cluster: typeUrls.cluster,
      endpoint: typeUrls.endpoint,
      listener: typeUrls.listener,
    })) {
      const assignments = Object.keys(all['cluster'] ?? {}).filter((cluster) => cluster.startsWith('outbound|'));
      stream.send({
        typeUrl,
        subscribe: name === 'endpoint' ? assignments : ['*'],
        ...(name === 'cluster' ? { node } : {}),
      });
      all[name] = await everyVersion(instance, stream, typeUrl);
    }
    return all;
  } finally {
    client.close();
  }
}

test('while a remote is missing: ready at once, with all of its services, marked as stale; then as a fresh start', async () => {
  const first = await start('state');
  await reaches(first, 'cluster-2', 'running');
  const before = await served(first);
  expect(Object.keys(before['endpoint'] ?? {})).toHaveLength(remoteServices + 1);
  await first.process.stop();
  await away('cluster-2');

  const second = await start('state');
  expect(await reaches(second, 'cluster-2', 'stale')).toMatchObject({
    services: remoteServices,
    endpoints: remoteServices,
    staleSince: expect.any(String) as string,
    conditions: [{ name: 'remembered' }],
  });
  const missing = await waitFor(
    async () => (await statuses(second))['cluster-2']?.error,
    (error) => error !== undefined,
    { what: 'the reason' },
  );
  expect(missing).toContain('does not exist');
  // Byte for byte what it was: a proxy that comes back is sent nothing.
  expect(await served(second)).toEqual(before);

  // What changed meanwhile shows when the directory is back, and what is gone goes.
  await back('cluster-2');
  await write('cluster-2', 'objects.yaml', [
    namespaceManifest('istio-system', { 'topology.istio.io/network': 'network1' }),
    ...app('remote-1', '10.2.9.9'),
    ...app('new', '10.2.9.10'),
  ]);
  const after = await waitFor(
    () => statuses(second),
    (found) => found['cluster-2']?.phase === 'running' && found['cluster-2'].services === 2,
    { what: 'the directory as it is now' },
  );
  expect(after['cluster-2']?.staleSince).toBeUndefined();
  const fresh = await start('fresh-state');
  await reaches(fresh, 'cluster-2', 'running');
  expect(await served(second)).toEqual(await served(fresh));
  expect(await second.json('/api/v1/services')).toEqual(await fresh.json('/api/v1/services'));
});

test('while its own directory is missing, after a crash: ready, and proxies are served', async () => {
  const first = await start('state');
  await reaches(first, 'cluster-2', 'running');
  const before = await served(first);
  await waitFor(
    () => readdir(path.join(base, 'state', 'clusters')),
    (names) => names.filter((name) => name.endsWith('.snapshot')).length === 2,
    { what: 'both snapshots' },
  );
  first.process.kill('SIGKILL');
  await first.process.exited;
  await away('cluster-1');

  const second = await start('state');
  expect(await reaches(second, 'cluster-1', 'stale')).toMatchObject({ services: 1 });
  expect(await served(second)).toEqual(before);
  await back('cluster-1');
  await reaches(second, 'cluster-1', 'running');
  expect(await served(second)).toEqual(before);
});

test('a damaged snapshot is set aside with a warning, and stops nothing', async () => {
  const first = await start('state');
  await reaches(first, 'cluster-2', 'running');
  await first.process.stop();
  const folder = path.join(base, 'state', 'clusters');
  await writeFile(path.join(folder, 'cluster-cluster-2.snapshot'), 'half a sna');

  const second = await start('state');
  await reaches(second, 'cluster-2', 'running');
  expect((await readdir(folder)).some((name) => name.startsWith('cluster-cluster-2.snapshot.damaged-'))).toBe(true);
  expect(second.process.output).toContain('it is cut off');
});

test('a remote that is missing for too long comes second, and first again when it is back', async () => {
  const instance = await start('state', '--stale-policy', 'degrade', '--stale-after', '200ms');
  await reaches(instance, 'cluster-2', 'running');
  const before = await served(instance);
  await write('cluster-1', 'more.yaml', app('remote-0', '10.1.0.2'));
  await waitFor(
    async () => (await statuses(instance))['cluster-1']?.services,
    (count) => count === 2,
    { what: 'the service in both clusters' },
  );
  const both = await served(instance);
  await away('cluster-2');
  await waitFor(
    async () => (await statuses(instance))['cluster-2']?.conditions.map(({ name }) => name),
    (names) => names?.includes('degraded') === true,
    { what: 'the remote to be degraded' },
  );
  const degraded = await served(instance);
  const name = 'outbound|80||remote-0.sample.svc.cluster.local';
  const differing = Object.keys(both['endpoint'] ?? {}).filter(
    (each) => both['endpoint']?.[each] !== degraded['endpoint']?.[each],
  );
  // The other hosts have no substitute: their endpoints stay first, and nothing is sent.
  expect(differing).toEqual([name]);
  await back('cluster-2');
  await reaches(instance, 'cluster-2', 'running');
  expect(await served(instance)).toEqual(both);
  expect(both).not.toEqual(before);
});
