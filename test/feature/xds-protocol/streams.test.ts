// "Basic Protocol Overview" of the xDS protocol document.

import { describe, expect, test } from 'vitest';
import { typeUrls } from '../../../server/stream/type-rules.ts';
import { variants } from '../../support/xds-client.ts';
import { xdsScenes } from '../../support/xds-scene.ts';

const { cluster, endpoint, listener, route, secret } = typeUrls;
const open = xdsScenes();

describe.each(variants)('$title', (variant) => {
  test('a first request with type, node and names is answered with the resources that it names', async () => {
    const scene = await open();
    scene.source.change({ [endpoint]: { a: '1', b: '1', c: '1' } });
    const stream = scene.stream(variant, endpoint);
    stream.send({ typeUrl: endpoint, subscribe: ['a', 'b'] });
    expect(await stream.next(endpoint)).toMatchObject({ typeUrl: endpoint, resources: { a: '1', b: '1' } });
    expect(await scene.unseen()).toBe(0);
  });

  test('more responses come by themselves when subscribed resources change', async () => {
    const scene = await open();
    scene.source.change({ [endpoint]: { a: '1' } });
    const stream = scene.stream(variant, endpoint);
    stream.send({ typeUrl: endpoint, subscribe: ['a'] });
    await stream.accept(endpoint);
    await scene.settled();
    scene.source.change({ [endpoint]: { a: '2' } });
    expect((await stream.accept(endpoint)).resources).toEqual({ a: '2' });
    expect(await scene.unseen()).toBe(0);
  });

  test('a change of what is not subscribed sends nothing', async () => {
    const scene = await open();
    scene.source.change({ [endpoint]: { a: '1', b: '1' } });
    const stream = scene.stream(variant, endpoint);
    stream.send({ typeUrl: endpoint, subscribe: ['a'] });
    await stream.accept(endpoint);
    await scene.settled();
    scene.source.change({ [endpoint]: { b: '2' } });
    expect(await scene.unseen()).toBe(0);
  });

  test('a change to equal bytes sends nothing', async () => {
    const scene = await open();
    scene.source.change({ [cluster]: { a: '1' } });
    const stream = scene.stream(variant, cluster);
    stream.send({ typeUrl: cluster });
    await stream.accept(cluster);
    await scene.settled();
    scene.source.change({ [cluster]: { a: '1' } });
    expect(await scene.unseen()).toBe(0);
  });

  test('every response of a stream has a nonce of its own', async () => {
    const scene = await open();
    scene.source.change({ [cluster]: { a: '1' } });
    const stream = scene.stream(variant, cluster);
    stream.send({ typeUrl: cluster });
    const first = await stream.accept(cluster);
    await scene.settled();
    scene.source.change({ [cluster]: { a: '2' } });
    const second = await stream.accept(cluster);
    expect(first.nonce).not.toBe('');
    expect(second.nonce).not.toBe(first.nonce);
  });

  test('a nonce is not valid on another stream', async () => {
    const scene = await open();
    scene.source.change({ [cluster]: { a: '1' } });
    const before = scene.stream(variant, cluster);
    before.send({ typeUrl: cluster });
    const answered = await before.accept(cluster);
    const stream = scene.stream(variant, cluster);
    stream.send({ typeUrl: cluster });
    const own = await stream.next(cluster);
    expect(own.nonce).not.toBe(answered.nonce);
    stream.send({ typeUrl: cluster, nonce: answered.nonce });
    await scene.settled();
    expect(scene.metrics.count(`expired-nonce/${cluster}`)).toBe(1);
  });

  test('the node is needed on the first request only', async () => {
    const scene = await open();
    scene.source.change({ [cluster]: { a: '1' } });
    const stream = scene.stream(variant, cluster);
    stream.send({ typeUrl: cluster, node: { id: 'sidecar~10.0.0.1~a.b~b.svc.cluster.local' } });
    stream.ack(await stream.next(cluster));
    await scene.settled();
    scene.source.change({ [cluster]: { a: '2' } });
    expect((await stream.next(cluster)).resources).toEqual({ a: '2' });
    expect(scene.source.openings.map((opening) => opening.node.id)).toEqual([
      'sidecar~10.0.0.1~a.b~b.svc.cluster.local',
    ]);
  });

  test('a node on a later request is not looked at', async () => {
    const scene = await open();
    scene.source.change({ [cluster]: { a: '1' } });
    const stream = scene.stream(variant, cluster);
    stream.send({ typeUrl: cluster, node: { id: 'first' } });
    const response = await stream.next(cluster);
    stream.send({ typeUrl: cluster, nonce: response.nonce, node: { id: 'second' } });
    expect(await scene.unseen()).toBe(0);
    expect(scene.connections.list().map((connection) => connection.nodeId)).toEqual(['first']);
  });

  test('a first request without a node ends the stream with INVALID_ARGUMENT', async () => {
    const scene = await open();
    const stream = scene.stream(variant, cluster);
    stream.send({ typeUrl: cluster, node: null });
    expect(await stream.status()).toMatchObject({ code: 3, details: expect.stringContaining('node') });
  });

  test('a refused node ends the stream with the status and reason of the refusal', async () => {
    const scene = await open();
    scene.source.refusal = { kind: 'refused', code: 'PERMISSION_DENIED', message: 'another namespace' };
    const stream = scene.stream(variant, cluster);
    stream.send({ typeUrl: cluster });
    expect(await stream.status()).toMatchObject({ code: 7, details: 'another namespace' });
    expect(scene.connections.size).toBe(0);
  });
});

describe.each(variants.filter((variant) => variant.aggregated))('$title', (variant) => {
  test('each type is a stream of its own within the stream', async () => {
    const scene = await open();
    scene.source.change({ [cluster]: { a: '1' }, [listener]: { a: '1' }, [secret]: { a: '1' } });
    const stream = scene.stream(variant, cluster);
    stream.send({ typeUrl: cluster });
    stream.send({ typeUrl: listener });
    stream.send({ typeUrl: secret, subscribe: ['a'] });
    const [clusters, listeners, secrets] = [
      await stream.next(cluster),
      await stream.next(listener),
      await stream.next(secret),
    ];
    stream.nack(clusters, 'no');
    stream.ack(listeners);
    stream.ack(secrets);
    await scene.settled();
    scene.source.change({ [secret]: { a: '2' } });
    expect((await stream.next(secret)).resources).toEqual({ a: '2' });
    expect(await scene.unseen()).toBe(0);
  });

  test('a request without a type ends the stream with INVALID_ARGUMENT', async () => {
    const scene = await open();
    const stream = scene.stream(variant, cluster);
    stream.send({ typeUrl: '' });
    expect(await stream.status()).toMatchObject({ code: 3, details: expect.stringContaining('type_url') });
  });
});

describe.each(variants.filter((variant) => !variant.aggregated))('$title', (variant) => {
  test.each([
    ['CDS', cluster],
    ['EDS', endpoint],
    ['LDS', listener],
    ['RDS', route],
    ['SDS', secret],
  ])('%s serves its type, named or not', async (_service, typeUrl) => {
    const scene = await open();
    scene.source.change({ [typeUrl]: { a: '1' } });
    const stream = scene.stream(variant, typeUrl);
    stream.send({ typeUrl: '', subscribe: ['a'] });
    expect(await stream.next(typeUrl)).toMatchObject({ typeUrl, resources: { a: '1' } });
  });

  test('another type than that of the service ends the stream with INVALID_ARGUMENT', async () => {
    const scene = await open();
    const stream = scene.stream(variant, cluster);
    stream.send({ typeUrl: listener });
    expect(await stream.status()).toMatchObject({ code: 3 });
  });
});

describe('delta', () => {
  test('VHDS has a service of its own, which exists as delta only', async () => {
    const scene = await open();
    scene.source.change({ [typeUrls.virtualHost]: { 'r/a': '1', 'r/b': '1' } });
    const stream = scene.stream({ title: 'delta', delta: true, aggregated: false }, typeUrls.virtualHost);
    stream.send({ typeUrl: typeUrls.virtualHost, subscribe: ['r/a'] });
    expect((await stream.next(typeUrls.virtualHost)).resources).toEqual({ 'r/a': '1' });
  });
});

describe('fetch', () => {
  test('a unary request is answered with the whole state that it asks for', async () => {
    const scene = await open();
    scene.source.change({ [cluster]: { a: '1', b: '2' } });
    const all = await scene.client.fetch(cluster, { node: { id: 'node' } });
    const one = await scene.client.fetch(cluster, { node: { id: 'node' }, resourceNames: ['b'] });
    expect([all.resources, one.resources]).toEqual([{ a: '1', b: '2' }, { b: '2' }]);
    expect(scene.source.listeners.size).toBe(0);
  });
});
