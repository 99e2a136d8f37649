// `isthmus serve --workers 2` as a process: what it says of its workers, and that none of them outlives it.

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { loadServices } from '../../../proto/loader.ts';
import { typeUrls } from '../../../server/stream/type-rules.ts';
import { readCounter } from '../../bench/scrape.ts';
import { startServe, type ServeProcess } from '../../support/serve-process.ts';
import { waitFor } from '../../support/wait-for.ts';
import { XdsClient, type XdsStream } from '../../support/xds-client.ts';

const service = `
apiVersion: v1
kind: Service
metadata: {name: hello, namespace: sample}
spec: {clusterIP: 10.0.0.1, ports: [{name: http, port: 80}]}
`;
const { secret } = typeUrls;
const services = loadServices();
const sotw = { title: 'aggregated sotw', delta: false, aggregated: true };
let directory: string;
let instance: ServeProcess;
let client: XdsClient;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'isthmus-workers-'));
  await mkdir(join(directory, 'registry'));
  await writeFile(join(directory, 'registry', 'service.yaml'), service);
});

afterAll(() => rm(directory, { recursive: true, force: true }));

afterEach(async () => {
  client.close();
  await instance[Symbol.asyncDispose]();
});

async function start(...more: readonly string[]): Promise<readonly number[]> {
  const argv = ['--cluster-id', 'cluster-1', '--network', '', '--registry', join(directory, 'registry')];
  argv.push('--state-dir', join(directory, 'state'), '--workers', '2', ...more);
  instance = await startServe({ argv, monitoring: true });
  client = new XdsClient(instance.xds, services);
  return await waitFor(
    () => [...instance.process.output.matchAll(/"workerPid":(\d+)/g)].map(([, pid]) => Number(pid)),
    (pids) => pids.length === 2,
    { what: 'both workers in the log' },
  );
}

/** A sidecar's stream; resolves when its configuration is there. */
async function connect(id: string): Promise<XdsStream> {
  const stream = client.open(sotw, secret);
  const node = { id: `sidecar~10.0.0.2~${id}.sample~sample.svc.cluster.local`, metadata: { NAMESPACE: 'sample' } };
  stream.send({ typeUrl: secret, node, subscribe: ['default'] });
  await waitFor(
    async () =>
      ((await instance.json('/api/v1/proxies')) as readonly { readonly proxy: string }[]).map(({ proxy }) => proxy),
    (proxies) => proxies.includes(`${id}.sample`),
    { what: `${id} to be connected` },
  );
  return stream;
}

const metric = (name: string): Promise<number> => readCounter(instance.monitoring, name);

function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

test('proxies of all workers are listed together, counted together, and held to one limit', async () => {
  const pids = await start('--max-proxies', '3');
  expect(pids.map(isThere)).toEqual([true, true]);
  for (const id of ['a', 'b', 'c']) await connect(id);
  expect(await metric('isthmus_connected_proxies')).toBe(3);
  expect(await metric('isthmus_worker_up')).toBe(2);
  expect(await metric('isthmus_worker_streams')).toBe(3);
  expect(await metric('isthmus_worker_connections')).toBe(3);
  expect(await metric('isthmus_worker_restarts_total')).toBe(0);
  expect(await metric('isthmus_worker_cpu_seconds_total')).toBeGreaterThan(0);
  expect(await metric('isthmus_worker_resident_memory_bytes')).toBeGreaterThan(2 * 20 * 1024 * 1024);
  // Whichever worker its further stream comes to.
  for (let further = 4; further <= 7; further += 1) {
    await connect('a');
    await waitFor(
      () => metric('isthmus_worker_streams'),
      (streams) => streams === further,
      { what: 'another stream of a' },
    );
  }
  expect(await metric('isthmus_connected_proxies')).toBe(3);
  const fourth = client.open(sotw, secret);
  fourth.send({
    typeUrl: secret,
    subscribe: ['default'],
    node: { id: 'sidecar~10.0.0.3~d.sample~sample.svc.cluster.local' },
  });
  expect(await fourth.status()).toMatchObject({ code: 8 });
});

test('SIGTERM lets streams end as they do without workers, and no worker stays', async () => {
  const pids = await start();
  const stream = await connect('a');
  const stopped = instance.process.stop();
  expect(await stream.status()).toMatchObject({ code: 14, details: 'the control plane is stopping; connect again' });
  expect(await stopped).toEqual({ code: 0, signal: null });
  expect(pids.map(isThere)).toEqual([false, false]);
});

test('SIGKILL of the instance ends its workers at once', async () => {
  const pids = await start();
  await connect('a');
  instance.process.kill('SIGKILL');
  await instance.process.exited;
  const left = await waitFor(
    () => pids.filter(isThere),
    (there) => there.length === 0,
    { what: 'the workers to end', timeoutMs: 5000 },
  );
  expect([pids.length, left.length]).toEqual([2, 0]);
});
