// "Resource warming" and "Eventual consistency considerations" of the xDS protocol document: the parts of one change on
// an aggregated stream, and virtual hosts behind their route configurations.

import { describe, expect, test } from 'vitest';
import { typeUrls } from '../../../server/stream/type-rules.ts';
import { variants, type XdsStream } from '../../support/xds-client.ts';
import { xdsScenes, type XdsScene } from '../../support/xds-scene.ts';

const { cluster, endpoint, listener, route, virtualHost } = typeUrls;
const open = xdsScenes();
const aggregatedDelta = { title: 'aggregated delta', delta: true, aggregated: true };

/** A client with one of each, everything accepted. */
async function startUp(scene: XdsScene, stream: XdsStream): Promise<void> {
  scene.source.change({ [cluster]: { a: '1' }, [endpoint]: { a: '1' }, [listener]: { l: '1' }, [route]: { r: '1' } });
  stream.send({ typeUrl: cluster });
  await stream.accept(cluster);
  stream.send({ typeUrl: endpoint, subscribe: ['a'] });
  await stream.accept(endpoint);
  stream.send({ typeUrl: listener });
  await stream.accept(listener);
  stream.send({ typeUrl: route, subscribe: ['r'] });
  await stream.accept(route);
  await scene.settled();
}

describe.each(variants.filter((variant) => variant.aggregated))('$title', (variant) => {
  test('routes wait until the new clusters are accepted and their endpoints delivered', async () => {
    const scene = await open();
    const stream = scene.stream(variant, cluster);
    await startUp(scene, stream);
    scene.source.change({ [cluster]: { b: '1' }, [endpoint]: { b: '1' }, [listener]: { l: '2' }, [route]: { r: '2' } });
    const clusters = await stream.next(cluster);
    expect(await scene.unseen()).toBe(0);
    stream.send({ typeUrl: endpoint, subscribe: ['b'] });
    const endpoints = await stream.next(endpoint);
    stream.ack(clusters);
    expect(await scene.unseen()).toBe(0);
    stream.ack(endpoints);
    expect((await stream.accept(listener)).resources).toEqual({ l: '2' });
    expect((await stream.accept(route)).resources).toEqual({ r: '2' });
    expect(await scene.unseen()).toBe(0);
  });

  test('a cluster goes only after the listeners and routes of the same change were accepted', async () => {
    const scene = await open();
    const stream = scene.stream(variant, cluster);
    await startUp(scene, stream);
    scene.source.change({ [cluster]: { a: undefined }, [endpoint]: { a: undefined }, [route]: { r: '2' } });
    const routes = await stream.next(route);
    expect(await scene.unseen()).toBe(0);
    stream.ack(routes);
    expect(await stream.accept(cluster)).toMatchObject({ resources: {}, removed: variant.delta ? ['a'] : [] });
    const gone = variant.delta ? (await stream.accept(endpoint)).removed : [];
    expect(gone).toEqual(variant.delta ? ['a'] : []);
    expect(await scene.unseen()).toBe(0);
  });

  test('a cluster that replaces another is sent beside it first, and the other goes last', async () => {
    const scene = await open();
    const stream = scene.stream(variant, cluster);
    await startUp(scene, stream);
    scene.source.change({ [cluster]: { a: undefined, b: '1' }, [route]: { r: '2' } });
    const first = await stream.accept(cluster);
    expect(first).toMatchObject({ resources: variant.delta ? { b: '1' } : { a: '1', b: '1' }, removed: [] });
    await stream.accept(route);
    const last = await stream.accept(cluster);
    expect(last).toMatchObject(
      variant.delta ? { resources: {}, removed: ['a'] } : { resources: { b: '1' }, removed: [] },
    );
    expect(await scene.unseen()).toBe(0);
  });

  test('routes go on after a rejected cluster, and while they stand rejected no cluster is removed', async () => {
    const scene = await open();
    const stream = scene.stream(variant, cluster);
    await startUp(scene, stream);
    scene.source.change({ [cluster]: { b: 'bad' }, [route]: { r: '2' } });
    stream.nack(await stream.next(cluster), 'b is bad');
    stream.nack(await stream.next(route), 'r is bad');
    await scene.settled();
    scene.source.change({ [cluster]: { a: undefined } });
    expect(await scene.unseen()).toBe(0);
    scene.source.change({ [route]: { r: '3' } });
    await stream.accept(route);
    expect((await stream.accept(cluster)).removed).toEqual(variant.delta ? ['a'] : []);
    expect(await scene.unseen()).toBe(0);
  });

  test('a cluster that is left unanswered holds up routes for a bounded time only', async () => {
    const scene = await open({ limits: { orderTimeoutMs: 50 } });
    const stream = scene.stream(variant, cluster);
    await startUp(scene, stream);
    scene.source.change({ [cluster]: { b: '1' }, [route]: { r: '2' } });
    await stream.next(cluster);
    expect((await stream.next(route)).resources).toEqual({ r: '2' });
  });

  test('endpoints of a changed cluster are sent again, because it warms until they come', async () => {
    const scene = await open();
    const stream = scene.stream(variant, cluster);
    await startUp(scene, stream);
    scene.source.change({ [cluster]: { a: '2' } });
    await stream.accept(cluster);
    expect((await stream.accept(endpoint)).resources).toEqual({ a: '1' });
    expect(await scene.unseen()).toBe(0);
  });

  test('a change of endpoints waits for nothing, not even for an unanswered cluster', async () => {
    const scene = await open();
    const stream = scene.stream(variant, cluster);
    await startUp(scene, stream);
    scene.source.change({ [cluster]: { b: '1' } });
    await stream.next(cluster);
    scene.source.change({ [endpoint]: { a: '2' } });
    expect((await stream.next(endpoint)).resources).toEqual({ a: '2' });
  });

  test('one changed route is one message with one resource, encoded once for two streams', async () => {
    const scene = await open();
    const [one, other] = [scene.stream(variant, cluster), scene.stream(variant, cluster)];
    await startUp(scene, one);
    other.send({ typeUrl: route, subscribe: ['r'] });
    await other.accept(route);
    await scene.settled();
    const count = (): readonly number[] => [
      scene.metrics.count('pushes'),
      scene.metrics.count('resources'),
      scene.metrics.count('bytes'),
      scene.source.encodings,
    ];
    const before = count();
    scene.source.change({ [route]: { r: '2' } });
    await one.accept(route);
    await other.accept(route);
    expect(await scene.unseen()).toBe(0);
    const bytes = scene.metrics.count('bytes') - (before[2] ?? 0);
    expect(count().map((value, index) => value - (before[index] ?? 0))).toEqual([2, 2, bytes, 1]);
    expect(bytes).toBe(2 * responseBytes(scene, variant.delta));
  });
});

/** Size of the response that carries route `r` alone: its frame, the type URL and a nonce of 14 characters. */
function responseBytes(scene: XdsScene, delta: boolean): number {
  const resource = scene.source.snapshot(route)?.parts[0]?.values().next().value;
  const field = (length: number): number => 2 + length;
  const envelope = field(route.length) + field(14);
  if (delta) return (resource?.deltaFrame.length ?? 0) + envelope;
  return (resource?.anyFrame.length ?? 0) + envelope + field(16);
}

describe('virtual hosts', () => {
  test('a request without names asks for those of the route configurations that the stream has', async () => {
    const scene = await open();
    scene.source.change({ [route]: { r: '1', s: '1' }, [virtualHost]: { 'r/a': '1', 'r/b': '1', 's/a': '1' } });
    const stream = scene.stream(aggregatedDelta, route);
    stream.send({ typeUrl: route, subscribe: ['r'] });
    await stream.accept(route);
    stream.send({ typeUrl: virtualHost });
    expect((await stream.accept(virtualHost)).resources).toEqual({ 'r/a': '1', 'r/b': '1' });
    await scene.settled();
    scene.source.change({ [virtualHost]: { 's/a': '2' } });
    expect(await scene.unseen()).toBe(0);
  });

  test('those of a second route configuration follow it by themselves, right behind it', async () => {
    const scene = await open();
    scene.source.change({ [route]: { r: '1', s: '1' }, [virtualHost]: { 'r/a': '1', 's/a': '1' } });
    const stream = scene.stream(aggregatedDelta, route);
    stream.send({ typeUrl: route, subscribe: ['r'] });
    await stream.accept(route);
    stream.send({ typeUrl: virtualHost });
    await stream.accept(virtualHost);
    stream.send({ typeUrl: route, subscribe: ['s'] });
    await scene.settled();
    expect((await stream.next(route)).resources).toEqual({ s: '1' });
    expect((await stream.next(virtualHost)).resources).toEqual({ 's/a': '1' });
    expect(stream.received.slice(-2).map((response) => response.typeUrl)).toEqual([route, virtualHost]);
  });

  test('one edited virtual host sends that one; a removed one is named', async () => {
    const scene = await open();
    scene.source.change({ [route]: { r: '1' }, [virtualHost]: { 'r/a': '1', 'r/b': '1' } });
    const stream = scene.stream(aggregatedDelta, route);
    stream.send({ typeUrl: route, subscribe: ['r'] });
    await stream.accept(route);
    stream.send({ typeUrl: virtualHost });
    await stream.accept(virtualHost);
    await scene.settled();
    scene.source.change({ [virtualHost]: { 'r/a': '2', 'r/b': undefined } });
    expect(await stream.accept(virtualHost)).toMatchObject({ resources: { 'r/a': '2' }, removed: ['r/b'] });
    expect(await scene.unseen()).toBe(0);
  });

  test('a client that returns is sent none again, whichever of its two requests comes first', async () => {
    const scene = await open();
    scene.source.change({ [route]: { r: '1' }, [virtualHost]: { 'r/a': '1' } });
    const before = scene.stream(aggregatedDelta, route);
    before.send({ typeUrl: route, subscribe: ['r'] });
    const routes = await before.accept(route);
    before.send({ typeUrl: virtualHost });
    const hosts = await before.accept(virtualHost);
    for (const order of [
      [route, virtualHost],
      [virtualHost, route],
    ] as const) {
      const stream = scene.stream(aggregatedDelta, route);
      for (const typeUrl of order) {
        if (typeUrl === route) stream.send({ typeUrl, subscribe: ['r'], held: routes.versions });
        else stream.send({ typeUrl, held: hosts.versions });
      }
      expect(await scene.unseen()).toBe(0);
    }
  });

  test.each([
    ['route configurations', [route, virtualHost]],
    ['virtual hosts', [virtualHost, route]],
  ])('a client that returns and asks for %s first is sent those that changed', async (_first, order) => {
    const scene = await open();
    scene.source.change({ [route]: { r: '1' }, [virtualHost]: { 'r/a': '1', 'r/b': '1' } });
    const before = scene.stream(aggregatedDelta, route);
    before.send({ typeUrl: route, subscribe: ['r'] });
    const routes = await before.accept(route);
    before.send({ typeUrl: virtualHost });
    const hosts = await before.accept(virtualHost);
    await scene.settled();
    before.close();
    scene.source.change({ [virtualHost]: { 'r/a': '2' } });
    const stream = scene.stream(aggregatedDelta, route);
    for (const typeUrl of order) {
      if (typeUrl === route) stream.send({ typeUrl, subscribe: ['r'], held: routes.versions });
      else stream.send({ typeUrl, held: hosts.versions });
    }
    expect((await stream.accept(virtualHost)).resources).toEqual({ 'r/a': '2' });
  });

  test('they can be asked for by name', async () => {
    const scene = await open();
    scene.source.change({ [virtualHost]: { 'r/a': '1', 'r/b': '1' } });
    const stream = scene.stream(aggregatedDelta, route);
    stream.send({ typeUrl: virtualHost, subscribe: ['r/b', 'r/none'] });
    expect(await stream.accept(virtualHost)).toMatchObject({ resources: { 'r/b': '1' }, removed: ['r/none'] });
  });
});
