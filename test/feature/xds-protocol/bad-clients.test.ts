// Clients that ask for too much, send nonsense or never read: each is answered or ended alone, and counted.

import { connect, type ClientHttp2Session } from 'node:http2';
import grpc from '@grpc/grpc-js';
import { describe, expect, test } from 'vitest';
import { encode } from '../../../proto/codec.ts';
import { DeltaDiscoveryRequest } from '../../../proto/generated/envoy.service.discovery.v3.ts';
import { typeUrls } from '../../../server/stream/type-rules.ts';
import { variants } from '../../support/xds-client.ts';
import { xdsScenes } from '../../support/xds-scene.ts';
import { waitFor } from '../../support/wait-for.ts';
import { testWorkers } from '../../support/worker-pool.ts';

const { cluster, endpoint, healthInformation, nameTable, proxyConfig } = typeUrls;
const open = xdsScenes();
const unknown = 'type.googleapis.com/nobody.knows.This';

/** What a worker takes is heard from another process, which a busy machine may hold up. */
const writeTimeoutMs = (inOneProcess: number): number => (testWorkers() === undefined ? inOneProcess : 3000);

describe.each(variants.filter((variant) => variant.aggregated))('$title', (variant) => {
  test('a type that is not served is counted, logged once, and disturbs no other type', async () => {
    const scene = await open();
    scene.source.change({ [cluster]: { a: '1' } });
    for (let round = 0; round < 2; round += 1) {
      const stream = scene.stream(variant, cluster);
      stream.send({ typeUrl: unknown });
      stream.send({ typeUrl: cluster });
      await stream.accept(cluster);
    }
    expect(await scene.unseen()).toBe(0);
    expect(scene.metrics.count(`unknown-type/${unknown}`)).toBe(2);
    expect(scene.warnings).toHaveLength(1);
  });

  test("types of Istio's agent are accepted, and answered when they are served", async () => {
    const scene = await open();
    scene.source.change({ [nameTable]: { 'a.b': 'x' } });
    const stream = scene.stream(variant, cluster);
    stream.send({ typeUrl: proxyConfig });
    stream.send({ typeUrl: healthInformation, error: 'the application is not ready' });
    stream.send({ typeUrl: nameTable });
    expect((await stream.accept(nameTable)).resources).toEqual({ 'a.b': 'x' });
    expect(await scene.unseen()).toBe(0);
    expect(scene.warnings).toEqual([]);
    expect(scene.metrics.count('rejected')).toBe(0);
  });

  test('more types than a stream may have end it with RESOURCE_EXHAUSTED', async () => {
    const scene = await open({ limits: { maxTypes: 5 } });
    const stream = scene.stream(variant, cluster);
    for (let index = 0; index < 6; index += 1) stream.send({ typeUrl: `${unknown}${index}` });
    expect(await stream.status()).toMatchObject({ code: 8 });
  });
});

describe.each(variants)('$title', (variant) => {
  test('ten thousand names are served', async () => {
    const scene = await open();
    const names = Array.from(
      { length: 10_000 },
      (_, index) => `outbound|80||service-${index}.default.svc.cluster.local`,
    );
    scene.source.change({ [endpoint]: Object.fromEntries(names.map((name) => [name, '1'])) });
    const stream = scene.stream(variant, endpoint);
    stream.send({ typeUrl: endpoint, subscribe: names });
    const got = new Set<string>();
    while (got.size < names.length) {
      for (const name of Object.keys((await stream.accept(endpoint)).resources)) got.add(name);
    }
    expect(await scene.unseen()).toBe(0);
    expect(scene.connections.list()[0]?.types[0]?.subscribed).toBe(10_000);
  });

  test('more names than a stream may have end it with RESOURCE_EXHAUSTED', async () => {
    const scene = await open({ limits: { maxNames: 10 } });
    const stream = scene.stream(variant, endpoint);
    stream.send({ typeUrl: endpoint, subscribe: Array.from({ length: 11 }, (_, index) => `n${index}`) });
    expect(await stream.status()).toMatchObject({ code: 8, details: expect.stringContaining('names') });
  });

  test('a request over 4 MiB ends its stream with RESOURCE_EXHAUSTED', async () => {
    const scene = await open();
    const stream = scene.stream(variant, endpoint);
    stream.send({ typeUrl: endpoint, subscribe: ['x'.repeat(5 * 1024 * 1024)] });
    expect(await stream.status()).toMatchObject({ code: 8 });
  });

  test('a client that accepts nothing but reads is sent no more of that type, and stays', async () => {
    const scene = await open({ limits: { writeTimeoutMs: writeTimeoutMs(50) } });
    scene.source.change({ [cluster]: { a: '1' } });
    const stream = scene.stream(variant, cluster);
    stream.send({ typeUrl: cluster });
    await stream.next(cluster);
    for (let state = 2; state < 20; state += 1) scene.source.change({ [cluster]: { a: String(state) } });
    expect(await scene.unseen()).toBe(0);
    expect(stream.ended).toBeUndefined();
  });
});

test('bytes that are no request end the stream with INVALID_ARGUMENT', async () => {
  const scene = await open();
  const client = new grpc.Client(scene.address, grpc.credentials.createInsecure());
  const call = client.makeBidiStreamRequest<Buffer, Buffer>(
    '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources',
    (bytes) => bytes,
    (bytes) => bytes,
  );
  const { promise, resolve } = Promise.withResolvers<grpc.StatusObject>();
  call.on('status', resolve);
  call.on('error', () => undefined);
  call.on('data', () => undefined);
  call.write(Buffer.from([0xff, 0xff, 0xff, 0xff]));
  expect((await promise).code).toBe(grpc.status.INVALID_ARGUMENT);
  client.close();
});

describe('a client that never reads', () => {
  test('is closed after the deadline, holds one response until then, and disturbs no other', async () => {
    const scene = await open({ limits: { writeTimeoutMs: writeTimeoutMs(500) } });
    const label = 'x'.repeat(1024 * 1024);
    scene.source.change({ [cluster]: { a: `${label}0` } });
    const deaf = openDeafStream(scene.address);
    await waitFor(
      () => scene.metrics.count('pushes'),
      (count) => count === 1,
      { what: 'the first response' },
    );
    const other = scene.stream({ title: '', delta: true, aggregated: true }, cluster);
    other.send({ typeUrl: cluster });
    await other.accept(cluster);
    for (let state = 1; state < 20; state += 1) {
      scene.source.change({ [cluster]: { a: `${label}${state}` } });
      await other.accept(cluster);
    }
    expect(scene.metrics.count('pushes')).toBe(21);
    await waitFor(
      () => scene.metrics.count('slow-readers'),
      (count) => count === 1,
      { what: 'the reader to be closed' },
    );
    expect(scene.connections.size).toBe(1);
    expect(scene.metrics.count('ended/DEADLINE_EXCEEDED')).toBe(1);
    expect(other.ended).toBeUndefined();
    deaf.destroy();
  });
});

/** An HTTP/2 client that asks for all clusters and then reads nothing of what comes: its flow-control window fills. */
function openDeafStream(address: string): ClientHttp2Session {
  const session = connect(`http://${address}`);
  session.on('error', () => undefined);
  const stream = session.request({
    ':method': 'POST',
    ':path': '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources',
    'content-type': 'application/grpc',
    te: 'trailers',
  });
  stream.on('error', () => undefined);
  const request = encode(DeltaDiscoveryRequest, { typeUrl: cluster, node: { id: 'deaf' } });
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(request.length, 1);
  stream.write(Buffer.concat([prefix, request]));
  return session;
}

describe('leaving', () => {
  test('ends every stream with UNAVAILABLE, spread over the time that is given', async () => {
    const scene = await open();
    const streams = variants.map((variant) => scene.stream(variant, cluster));
    for (const stream of streams) stream.send({ typeUrl: cluster });
    await scene.settled();
    const { signal } = new AbortController();
    await scene.connections.drain({ code: 'UNAVAILABLE', message: 'this instance stops' }, { spreadMs: 40, signal });
    const codes = await Promise.all(streams.map(async (stream) => (await stream.status()).code));
    expect(codes).toEqual([14, 14, 14, 14]);
    const late = scene.stream({ title: '', delta: true, aggregated: true }, cluster);
    expect(await late.status()).toMatchObject({ code: 14, details: 'this instance stops' });
  });

  test('a port closes by itself once its streams have ended', async () => {
    const scene = await open();
    const stream = scene.stream({ title: '', delta: true, aggregated: true }, cluster);
    stream.send({ typeUrl: cluster });
    await scene.settled();
    const { signal } = new AbortController();
    const closed = scene.port.close(signal);
    await scene.connections.drain({ code: 'UNAVAILABLE', message: 'this instance stops' }, { spreadMs: 0, signal });
    expect((await stream.status()).code).toBe(14);
    stream.close();
    await closed;
  });

  test('an aborted signal ends the rest at once', async () => {
    const scene = await open();
    const stream = scene.stream({ title: '', delta: true, aggregated: true }, cluster);
    stream.send({ typeUrl: cluster });
    await scene.settled();
    await scene.connections.drain({ code: 'UNAVAILABLE', message: '' }, { spreadMs: 1e9, signal: AbortSignal.abort() });
    expect((await stream.status()).code).toBe(14);
  });
});
