// What a change costs, counted exactly: messages, resources, bytes and encodings, in a whole instance behind real gRPC streams.
// The expected counts are in test/bench/baseline.json; they may only fall, and then the file is changed with the code.

import { writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { baselineFile, readBaseline, type Baseline } from '../bench/baseline.ts';
import type { ExactCounts } from '../bench/figures.ts';
import { Fleet } from '../bench/fleet/fleet.ts';
import { hostOf, namespace, sliceObject, virtualServiceObject } from '../bench/manifests.ts';
import { benchService, openDirectory, seed, type BenchRegistry } from '../bench/registry.ts';
import { readCounter } from '../bench/scrape.ts';
import { startServe, type ServeProcess } from '../support/serve-process.ts';
import { waitFor } from '../support/wait-for.ts';

const services = 20;
const endpoints = 3;
const proxies = 5;
const network = 'network1';
const clusterId = 'cluster-1';

let registry: BenchRegistry;
let instance: ServeProcess;
let fleet: Fleet;
let baseline: Baseline;
const measured: Record<string, ExactCounts> = {};

beforeAll(async () => {
  baseline = await readBaseline();
  registry = await openDirectory();
  await seed(registry, { services, endpoints, network });
  instance = await startServe({
    argv: ['--cluster-id', clusterId, '--network', network, ...registry.argv],
    monitoring: true,
  });
  fleet = new Fleet({ address: instance.xds, count: proxies, namespace, clusterId, network });
});

afterAll(async () => {
  fleet.close();
  await instance[Symbol.asyncDispose]();
  await registry[Symbol.asyncDispose]();
  if (process.env['COUNTS'] === 'write') {
    await writeFile(baselineFile, `${JSON.stringify({ ...baseline, counts: measured }, undefined, 2)}\n`);
  }
});

/** Every response is answered and nothing is left to send, as the instance itself sees it. */
async function settled(): Promise<void> {
  await waitFor(
    async () => {
      const pushes = await readCounter(instance.monitoring, 'pilot_xds_pushes');
      const acks = await readCounter(instance.monitoring, 'isthmus_xds_acks_total');
      return { pushes, acks, received: fleet.counts.messages };
    },
    ({ pushes, acks, received }) => pushes === acks && pushes === received,
    { what: 'all responses to be answered' },
  );
}

/** Of all proxies together, from before `work` until all is answered. */
async function countsOf(step: string, work: () => Promise<void>): Promise<ExactCounts> {
  const before = fleet.counts;
  const encodings = await readCounter(instance.monitoring, 'isthmus_resources_encoded_total');
  await work();
  await settled();
  const after = fleet.counts;
  const counts = {
    messages: after.messages - before.messages,
    bytes: after.bytes - before.bytes,
    resources: after.resources - before.resources,
    removed: after.removed - before.removed,
    encodings: (await readCounter(instance.monitoring, 'isthmus_resources_encoded_total')) - encodings,
  };
  measured[step] = counts;
  return counts;
}

/** With COUNTS=write what was counted is saved instead. */
function expectAsSaved(step: string, counts: ExactCounts): void {
  expect(counts).toEqual(process.env['COUNTS'] === 'write' ? counts : baseline.counts[step]);
}

test('connecting encodes each resource once for the class and sends it to each proxy once', async () => {
  const counts = await countsOf('connect', async () => {
    await fleet.connect();
  });
  expect(counts.resources).toBe(proxies * counts.encodings);
  expectAsSaved('connect', counts);
});

test('an endpoint change is one message with one assignment for each proxy', async () => {
  const counts = await countsOf('endpoint change', async () => {
    fleet.watch('198.51.100.1');
    await registry.write(sliceObject(1, endpoints, ['198.51.100.1']));
    await fleet.seen();
  });
  expect(counts).toMatchObject({ messages: proxies, resources: proxies, removed: 0, encodings: 1 });
  expectAsSaved('endpoint change', counts);
});

test('a new VirtualService is one message with one virtual host for each proxy', async () => {
  const counts = await countsOf('route change', async () => {
    fleet.watch('mark-1');
    await registry.write(virtualServiceObject(2, 'mark-1'));
    await fleet.seen();
  });
  expect(counts).toMatchObject({ messages: proxies, resources: proxies, removed: 0, encodings: 1 });
  expectAsSaved('route change', counts);
});

test('a new service sends only what is its own', async () => {
  const counts = await countsOf('service added', async () => {
    await registry.write(sliceObject(services, endpoints));
    fleet.watch(hostOf(services));
    await registry.write(benchService(services));
    await fleet.seen();
    await waitFor(
      () => fleet.complete,
      (complete) => complete,
      { what: 'the endpoints of the new service' },
    );
    await everyoneHas(3);
  });
  expect(counts.removed).toBe(0);
  expectAsSaved('service added', counts);
});

test('a service that goes is taken away from each proxy, and nothing else is sent', async () => {
  const counts = await countsOf('service removed', async () => {
    await registry.remove(benchService(services));
    await everyoneHas(0);
  });
  expect(counts.resources).toBe(0);
  expectAsSaved('service removed', counts);
});

test('who comes back with what it holds is sent nothing', async () => {
  const counts = await countsOf('reconnect', async () => {
    const requests = await readCounter(instance.monitoring, 'isthmus_xds_requests_total');
    fleet.close();
    fleet.reopen();
    await waitFor(
      () => readCounter(instance.monitoring, 'isthmus_xds_requests_total'),
      (now) => now === requests + proxies * 5,
      { what: 'all requests' },
    );
  });
  expect(counts).toEqual({ messages: 0, bytes: 0, resources: 0, removed: 0, encodings: 0 });
  expectAsSaved('reconnect', counts);
});

/** Each proxy holds so many resources that carry the name of the service that comes and goes. */
async function everyoneHas(count: number): Promise<void> {
  await waitFor(
    () => fleet.holders(hostOf(services)),
    (held) => held.every((each) => each === count),
    { what: `${count} resources of the service at each proxy` },
  );
}
