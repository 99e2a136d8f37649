// What only workers promise: connections spread over them, one that ends takes its own streams alone, what streams share is said once,
// and nobody stays behind.

import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { loadServices, type LoadedServices } from '../../../proto/loader.ts';
import { RotatingServerTls } from '../../../server/grpc/rotating-server-tls.ts';
import { typeUrls } from '../../../server/stream/type-rules.ts';
import type { WorkerStatus } from '../../../server/workers/pooled-worker.ts';
import { waitFor } from '../../support/wait-for.ts';
import { startWorkers, type TestWorkers } from '../../support/worker-pool.ts';
import { XdsClient, type XdsStream } from '../../support/xds-client.ts';
import { startXdsServer, type XdsServer, type XdsServerOptions } from '../../support/xds-server.ts';
import { serverCertificates, shownName } from './shown-certificate.ts';

const { cluster } = typeUrls;
const delta = { title: 'aggregated delta', delta: true, aggregated: true };
const closings: (() => Promise<void> | void)[] = [];
let services: LoadedServices;

beforeAll(() => {
  services = loadServices();
});

afterEach(async () => {
  for (const close of closings.splice(0).toReversed()) await close();
});

interface Scene extends TestWorkers {
  readonly server: XdsServer;
  readonly client: XdsClient;
  readonly statuses: () => readonly WorkerStatus[];
  /** So many clients, each on a connection of its own, that hold everything. */
  readonly connect: (count: number) => Promise<readonly XdsStream[]>;
}

async function open(
  options: { readonly workers?: number; readonly lookMs?: number; readonly server?: XdsServerOptions } = {},
): Promise<Scene> {
  const workers = await startWorkers(options.workers ?? 2, options.lookMs);
  closings.push(async () => workers[Symbol.asyncDispose]());
  const server = await startXdsServer({ ...options.server, workers: workers.pool });
  closings.push(() => server.stop());
  const client = new XdsClient(server.address, services);
  closings.push(() => client.close());
  const connect = async (count: number): Promise<readonly XdsStream[]> => {
    const streams = Array.from({ length: count }, () => client.open(delta, cluster));
    for (const stream of streams) stream.send({ typeUrl: cluster });
    await Promise.all(streams.map((stream) => stream.accept(cluster)));
    return streams;
  };
  return { ...workers, server, client, connect, statuses: () => workers.pool.statuses() };
}

function kill({ pid }: WorkerStatus, signal: NodeJS.Signals): void {
  if (pid === undefined) throw new Error('there is no worker');
  process.kill(pid, signal);
}

const isThere = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

function first({ statuses }: Scene): WorkerStatus {
  const [status] = statuses();
  if (status === undefined) throw new Error('there are no workers');
  return status;
}

const untilReplaced = (scene: Scene): Promise<WorkerStatus> => {
  const before = first(scene).pid;
  return waitFor(
    () => first(scene),
    ({ serving, pid }) => serving && pid !== before,
    { what: 'another worker to serve' },
  );
};

describe('connections', () => {
  test('go to the worker that has the fewest', async () => {
    const scene = await open();
    scene.server.source.change({ [cluster]: { a: '1' } });
    const streams = await scene.connect(11);
    const counts = scene.statuses().map(({ connections }) => connections);
    expect(counts.toSorted((one, other) => one - other)).toEqual([5, 6]);
    expect(scene.statuses().map(({ streams }) => streams)).toEqual(counts);
    for (const stream of streams.slice(0, 8)) stream.close();
    const left = (): number => scene.statuses().reduce((sum, { connections }) => sum + connections, 0);
    await waitFor(left, (connections) => connections === 3, { what: 'connections that end to be counted' });
    await scene.connect(7);
    expect(scene.statuses().map(({ connections }) => connections)).toEqual([5, 5]);
  });

  test('that come while no worker serves are served by the next one', async () => {
    const scene = await open({ workers: 1 });
    scene.server.source.change({ [cluster]: { a: '1' } });
    kill(first(scene), 'SIGKILL');
    await waitFor(
      () => first(scene).serving,
      (serving) => !serving,
      { what: 'the worker to be gone', intervalMs: 1 },
    );
    const [stream] = await scene.connect(1);
    expect(stream?.received.map(({ resources }) => resources)).toEqual([{ a: '1' }]);
  });
});

describe('a worker that is killed', () => {
  test('loses its own streams and no other, is replaced, and those that return are sent nothing', async () => {
    const scene = await open();
    scene.server.source.change({ [cluster]: { a: '1', b: '1' } });
    const streams = await scene.connect(10);
    const held = streams[0]?.received[0]?.versions ?? {};
    const replaced = untilReplaced(scene);
    kill(first(scene), 'SIGKILL');
    const { restarts } = await replaced;
    const lost = streams.filter(({ ended }) => ended !== undefined);
    const kept = streams.filter(({ ended }) => ended === undefined);
    expect([lost.length, kept.length]).toEqual([5, 5]);
    expect(restarts).toEqual({ exited: 1, hung: 0 });
    expect(scene.lines.filter(({ msg }) => msg === 'a worker has ended and is replaced')).toMatchObject([
      { worker: 1, signal: 'SIGKILL', failures: 1 },
    ]);
    expect(scene.server.connections.list()).toHaveLength(5);

    // Those that lost theirs come back with what they hold; all of them are to the new worker, which has the fewest.
    const pushes = scene.server.metrics.count('pushes');
    const requests = scene.server.metrics.count('requests');
    const returned = lost.map(() => scene.client.open(delta, cluster));
    for (const stream of returned) stream.send({ typeUrl: cluster, held });
    await waitFor(
      () => scene.server.metrics.count('requests'),
      (count) => count === requests + returned.length,
      { what: 'the requests of those that return' },
    );
    expect(scene.server.metrics.count('pushes')).toBe(pushes);
    expect(scene.statuses().map(({ streams }) => streams)).toEqual([5, 5]);

    scene.server.source.change({ [cluster]: { a: '2' } });
    for (const stream of [...kept, ...returned]) {
      expect(await stream.accept(cluster)).toMatchObject({ resources: { a: '2' } });
    }
    expect(kept.map(({ received }) => received.length)).toEqual([2, 2, 2, 2, 2]);
  });

  test('is replaced by one that has the certificate of now', async () => {
    await using authority = await serverCertificates();
    const tls = new RotatingServerTls(await authority.issue('first'));
    const scene = await open({ workers: 1, server: { tls } });
    expect(await shownName(scene.server.address, authority.root)).toBe('first');
    tls.replace(await authority.issue('second'));
    await waitFor(
      () => shownName(scene.server.address, authority.root),
      (name) => name === 'second',
      { what: 'the worker to show the certificate that it was told of' },
    );
    const replaced = untilReplaced(scene);
    kill(first(scene), 'SIGKILL');
    await replaced;
    expect(await shownName(scene.server.address, authority.root)).toBe('second');
  });
});

test('a worker that answers nothing is ended and replaced', async () => {
  // A worker has a hundred looks to start, which on a busy machine takes seconds.
  const scene = await open({ lookMs: 200 });
  const replaced = untilReplaced(scene);
  kill(first(scene), 'SIGSTOP');
  expect((await replaced).restarts).toEqual({ exited: 0, hung: 1 });
});

describe('what streams share', () => {
  test('is sent once to each worker, and only named for each stream', async () => {
    const scene = await open();
    const long = (letter: string): string => letter.repeat(20_000);
    scene.server.source.change({ [cluster]: { a: long('a') } });
    const streams = await scene.connect(20);
    expect(scene.statuses().map(({ definedPayloads }) => definedPayloads)).toEqual([1, 1]);
    const before = scene.statuses().map(({ sentBytes }) => sentBytes);
    for (const letter of ['b', 'c', 'd']) {
      scene.server.source.change({ [cluster]: { a: long(letter) } });
      for (const stream of streams) expect((await stream.accept(cluster)).resources).toEqual({ a: long(letter) });
    }
    expect(scene.statuses().map(({ definedPayloads }) => definedPayloads)).toEqual([4, 4]);
    const bytes = scene.statuses().map(({ sentBytes }, index) => sentBytes - (before[index] ?? 0));
    for (const sent of bytes) {
      expect(sent).toBeGreaterThan(3 * 20_000);
      expect(sent).toBeLessThan(3 * 20_000 + 10_000);
    }
  });
});

test('no process stays behind when the workers are stopped', async () => {
  const scene = await open();
  const pids = scene.statuses().map(({ pid }) => pid ?? 0);
  expect(pids.map(isThere)).toEqual([true, true]);
  await scene[Symbol.asyncDispose]();
  expect(pids.map(isThere)).toEqual([false, false]);
});
