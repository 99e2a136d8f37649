// "ACK/NACK and resource type instance version", "When to send an update" and "Resource updates" of the xDS protocol
// document.

import { describe, expect, test } from 'vitest';
import { typeUrls } from '../../../server/stream/type-rules.ts';
import { variants } from '../../support/xds-client.ts';
import { xdsScenes } from '../../support/xds-scene.ts';

const { cluster, endpoint } = typeUrls;
const open = xdsScenes();

describe.each(variants)('$title', (variant) => {
  test('an ACK is reported with the names it is about, and answered with nothing', async () => {
    const scene = await open();
    scene.source.change({ [cluster]: { a: '1', b: '1' } });
    const stream = scene.stream(variant, cluster);
    stream.send({ typeUrl: cluster });
    const response = await stream.accept(cluster);
    expect(await scene.unseen()).toBe(0);
    expect(scene.source.reports).toEqual([{ typeUrl: cluster, nonce: response.nonce, names: ['a', 'b'] }]);
    expect(scene.connections.list()[0]?.types[0]).toMatchObject({ ackedNonce: response.nonce, behind: false });
  });

  test('a NACK is reported with the reason, counted, and the same bytes are not sent again', async () => {
    const scene = await open();
    scene.source.change({ [cluster]: { a: '1' } });
    const stream = scene.stream(variant, cluster);
    stream.send({ typeUrl: cluster });
    const response = await stream.next(cluster);
    stream.nack(response, 'a: no such policy');
    expect(await scene.unseen()).toBe(0);
    const [report] = scene.source.reports;
    expect(report).toMatchObject({ nonce: response.nonce, names: ['a'], error: 'a: no such policy' });
    expect(report?.blamed?.map(({ name }) => name)).toEqual(['a']);
    expect(scene.metrics.count(`rejected/${cluster}`)).toBe(1);
    expect(scene.connections.list()[0]?.types[0]).toMatchObject({ lastError: 'a: no such policy', ackedNonce: '' });
  });

  test('after a NACK the next version of the resource is sent', async () => {
    const scene = await open();
    scene.source.change({ [cluster]: { a: 'bad' } });
    const stream = scene.stream(variant, cluster);
    stream.send({ typeUrl: cluster });
    stream.nack(await stream.next(cluster), 'bad');
    await scene.settled();
    scene.source.change({ [cluster]: { a: 'good' } });
    expect((await stream.accept(cluster)).resources).toEqual({ a: 'good' });
    expect(await scene.unseen()).toBe(0);
    expect(scene.connections.list()[0]?.types[0]?.lastError).toBeUndefined();
  });

  test('a NACK is known by its error_detail, whatever version it states', async () => {
    const scene = await open();
    scene.source.change({ [cluster]: { a: '1' } });
    const stream = scene.stream(variant, cluster);
    stream.send({ typeUrl: cluster });
    const response = await stream.next(cluster);
    stream.send({ typeUrl: cluster, nonce: response.nonce, version: response.version ?? '', error: 'no' });
    expect(await scene.unseen()).toBe(0);
    expect(scene.metrics.count('rejected')).toBe(1);
  });

  test('nothing of a type is sent while a response of it is unanswered, then the latest state in one response', async () => {
    const scene = await open();
    scene.source.change({ [cluster]: { a: '1' } });
    const stream = scene.stream(variant, cluster);
    stream.send({ typeUrl: cluster });
    const first = await stream.next(cluster);
    for (let state = 2; state <= 50; state += 1) scene.source.change({ [cluster]: { a: String(state) } });
    expect(await scene.unseen()).toBe(0);
    stream.ack(first);
    expect((await stream.accept(cluster)).resources).toEqual({ a: '50' });
    expect(await scene.unseen()).toBe(0);
  });

  test('a change that is taken back while a response is unanswered sends nothing', async () => {
    const scene = await open();
    scene.source.change({ [cluster]: { a: '1' } });
    const stream = scene.stream(variant, cluster);
    stream.send({ typeUrl: cluster });
    const first = await stream.next(cluster);
    scene.source.change({ [cluster]: { a: '2' } });
    scene.source.change({ [cluster]: { a: '1' } });
    stream.ack(first);
    expect(await scene.unseen()).toBe(0);
  });

  test('a stale nonce is counted and answers nothing', async () => {
    const scene = await open();
    scene.source.change({ [endpoint]: { a: '1' } });
    const stream = scene.stream(variant, endpoint);
    stream.send({ typeUrl: endpoint, subscribe: ['a'] });
    const first = await stream.accept(endpoint);
    await scene.settled();
    scene.source.change({ [endpoint]: { a: '2' } });
    await stream.next(endpoint);
    stream.ack(first);
    expect(await scene.unseen()).toBe(0);
    expect(scene.metrics.count(`expired-nonce/${endpoint}`)).toBe(1);
    expect(scene.connections.list()[0]?.types[0]).toMatchObject({ ackedNonce: first.nonce, behind: true });
  });

  test('a request that changes the names while a response is unanswered is answered after it', async () => {
    const scene = await open();
    scene.source.change({ [endpoint]: { a: '1', b: '1' } });
    const stream = scene.stream(variant, endpoint);
    stream.send({ typeUrl: endpoint, subscribe: ['a'] });
    const first = await stream.next(endpoint);
    stream.send({ typeUrl: endpoint, subscribe: ['b'] });
    expect(await scene.unseen()).toBe(0);
    stream.ack(first);
    expect((await stream.accept(endpoint)).resources).toEqual({ b: '1' });
    expect(await scene.unseen()).toBe(0);
  });

  test('a NACK that changes the names counts as both', async () => {
    const scene = await open();
    scene.source.change({ [endpoint]: { a: '1', b: '1' } });
    const stream = scene.stream(variant, endpoint);
    stream.send({ typeUrl: endpoint, subscribe: ['a'] });
    const first = await stream.next(endpoint);
    stream.send({ typeUrl: endpoint, nonce: first.nonce, error: 'no', subscribe: ['b'] });
    expect((await stream.accept(endpoint)).resources).toEqual({ b: '1' });
    expect(await scene.unseen()).toBe(0);
    expect(scene.metrics.count('rejected')).toBe(1);
  });
});

describe.each(variants.filter((variant) => !variant.delta))('$title', (variant) => {
  test('the names in a request with a stale nonce do not count: a newer request is on its way', async () => {
    const scene = await open();
    scene.source.change({ [endpoint]: { a: '1', b: '1' } });
    const stream = scene.stream(variant, endpoint);
    stream.send({ typeUrl: endpoint, subscribe: ['a'] });
    const first = await stream.accept(endpoint);
    await scene.settled();
    scene.source.change({ [endpoint]: { a: '2' } });
    const second = await stream.next(endpoint);
    stream.send({ typeUrl: endpoint, subscribe: ['b'], nonce: first.nonce });
    expect(await scene.unseen()).toBe(0);
    stream.ack(second);
    expect((await stream.accept(endpoint)).resources).toEqual({ b: '1' });
  });

  test('the version changes when a resource does, and equal states have equal versions on every stream', async () => {
    const scene = await open();
    scene.source.change({ [cluster]: { a: '1' } });
    const [one, other] = [scene.stream(variant, cluster), scene.stream(variant, cluster)];
    one.send({ typeUrl: cluster });
    other.send({ typeUrl: cluster });
    const [first, same] = [await one.accept(cluster), await other.accept(cluster)];
    await scene.settled();
    scene.source.change({ [cluster]: { a: '2' } });
    const second = await one.next(cluster);
    expect(same.version).toBe(first.version);
    expect(second.version).not.toBe(first.version);
  });

  test('a client that returns to a wildcard with the current version is not sent it again', async () => {
    const scene = await open();
    scene.source.change({ [cluster]: { a: '1' } });
    const before = scene.stream(variant, cluster);
    before.send({ typeUrl: cluster });
    const { version = '' } = await before.accept(cluster);
    const stream = scene.stream(variant, cluster);
    stream.send({ typeUrl: cluster, version });
    expect(await scene.unseen()).toBe(0);
    scene.source.change({ [cluster]: { b: '1' } });
    expect((await stream.next(cluster)).resources).toEqual({ a: '1', b: '1' });
  });

  test('a client that returns with names is sent them, since it may have dropped one before', async () => {
    const scene = await open();
    scene.source.change({ [endpoint]: { a: '1' } });
    const before = scene.stream(variant, endpoint);
    before.send({ typeUrl: endpoint, subscribe: ['a'] });
    const { version = '' } = await before.accept(endpoint);
    const stream = scene.stream(variant, endpoint);
    stream.send({ typeUrl: endpoint, subscribe: ['a'], version });
    expect((await stream.next(endpoint)).resources).toEqual({ a: '1' });
  });
});

describe.each(variants.filter((variant) => variant.delta))('$title', (variant) => {
  test('the names in a request with a stale nonce count all the same', async () => {
    const scene = await open();
    scene.source.change({ [endpoint]: { a: '1', b: '1' } });
    const stream = scene.stream(variant, endpoint);
    stream.send({ typeUrl: endpoint, subscribe: ['a'] });
    const first = await stream.accept(endpoint);
    await scene.settled();
    scene.source.change({ [endpoint]: { a: '2' } });
    const second = await stream.next(endpoint);
    stream.send({ typeUrl: endpoint, subscribe: ['b'], nonce: first.nonce });
    stream.ack(second);
    expect((await stream.accept(endpoint)).resources).toEqual({ b: '1' });
    expect(await scene.unseen()).toBe(0);
  });

  test('a NACK of one cluster does not keep the others of its response from counting as sent', async () => {
    const scene = await open();
    scene.source.change({ [cluster]: { a: '1', b: '1' } });
    const stream = scene.stream(variant, cluster);
    stream.send({ typeUrl: cluster });
    stream.nack(await stream.next(cluster), 'Error adding/updating cluster(s) a: bad');
    await scene.settled();
    scene.source.change({ [cluster]: { a: '2' } });
    expect((await stream.next(cluster)).resources).toEqual({ a: '2' });
  });
});
