// "Incremental xDS" of the xDS protocol document.

import { describe, expect, test } from 'vitest';
import { typeUrls } from '../../../server/stream/type-rules.ts';
import { variants } from '../../support/xds-client.ts';
import { xdsScenes } from '../../support/xds-scene.ts';

const { cluster, endpoint } = typeUrls;
const open = xdsScenes();

describe.each(variants.filter((variant) => variant.delta))('$title', (variant) => {
  test('a name that is asked for again is sent again: the client may have forgotten it', async () => {
    const scene = await open();
    scene.source.change({ [endpoint]: { a: '1', b: '1' } });
    const stream = scene.stream(variant, endpoint);
    stream.send({ typeUrl: endpoint, subscribe: ['a', 'b'] });
    await stream.accept(endpoint);
    stream.send({ typeUrl: endpoint, subscribe: ['a'] });
    expect((await stream.accept(endpoint)).resources).toEqual({ a: '1' });
    expect(await scene.unseen()).toBe(0);
  });

  test('a name that does not exist is answered as removed, once', async () => {
    const scene = await open();
    scene.source.change({ [endpoint]: { a: '1' } });
    const stream = scene.stream(variant, endpoint);
    stream.send({ typeUrl: endpoint, subscribe: ['a', 'none'] });
    expect(await stream.accept(endpoint)).toMatchObject({ resources: { a: '1' }, removed: ['none'] });
    await scene.settled();
    scene.source.change({ [endpoint]: { a: '2' } });
    expect((await stream.accept(endpoint)).removed).toEqual([]);
  });

  test('giving up names is answered with nothing', async () => {
    const scene = await open();
    scene.source.change({ [endpoint]: { a: '1', b: '1' } });
    const stream = scene.stream(variant, endpoint);
    stream.send({ typeUrl: endpoint, subscribe: ['a', 'b'] });
    await stream.accept(endpoint);
    stream.send({ typeUrl: endpoint, unsubscribe: ['a'] });
    expect(await scene.unseen()).toBe(0);
  });

  test('giving up a name that was never asked for does no harm', async () => {
    const scene = await open();
    scene.source.change({ [endpoint]: { a: '1' } });
    const stream = scene.stream(variant, endpoint);
    stream.send({ typeUrl: endpoint, subscribe: ['a'] });
    await stream.accept(endpoint);
    stream.send({ typeUrl: endpoint, unsubscribe: ['never'] });
    await scene.settled();
    scene.source.change({ [endpoint]: { a: '2' } });
    expect((await stream.accept(endpoint)).resources).toEqual({ a: '2' });
  });

  test('under a wildcard, giving up a name that the wildcard has is answered with the resource', async () => {
    const scene = await open();
    scene.source.change({ [cluster]: { a: '1', b: '1' } });
    const stream = scene.stream(variant, cluster);
    stream.send({ typeUrl: cluster, subscribe: ['*', 'a'] });
    await stream.accept(cluster);
    stream.send({ typeUrl: cluster, unsubscribe: ['a'] });
    expect(await stream.accept(cluster)).toMatchObject({ resources: { a: '1' }, removed: [] });
    expect(await scene.unseen()).toBe(0);
  });

  test('under a wildcard, giving up a name that the wildcard has not is answered as removed', async () => {
    const scene = await open();
    scene.source.change({ [cluster]: { b: '1' } });
    const stream = scene.stream(variant, cluster);
    stream.send({ typeUrl: cluster, subscribe: ['*', 'a'] });
    await stream.accept(cluster);
    stream.send({ typeUrl: cluster, unsubscribe: ['a'] });
    expect(await stream.accept(cluster)).toMatchObject({ resources: {}, removed: ['a'] });
    expect(await scene.unseen()).toBe(0);
  });

  test('a request with only a node and a type is a wildcard; a second one changes nothing', async () => {
    const scene = await open();
    scene.source.change({ [cluster]: { a: '1' } });
    const stream = scene.stream(variant, cluster);
    stream.send({ typeUrl: cluster });
    await stream.accept(cluster);
    stream.send({ typeUrl: cluster });
    expect(await scene.unseen()).toBe(0);
    scene.source.change({ [cluster]: { b: '1' } });
    expect((await stream.accept(cluster)).resources).toEqual({ b: '1' });
  });

  test('a client that returns with what it holds is sent nothing when nothing changed', async () => {
    const scene = await open();
    scene.source.change({ [cluster]: { a: '1', b: '1' } });
    const before = scene.stream(variant, cluster);
    before.send({ typeUrl: cluster });
    const { versions } = await before.accept(cluster);
    const stream = scene.stream(variant, cluster);
    stream.send({ typeUrl: cluster, held: versions });
    expect(await scene.unseen()).toBe(0);
  });

  test('a client that returns is sent what changed, what is new and what is gone while it was away', async () => {
    const scene = await open();
    scene.source.change({ [cluster]: { same: '1', changed: '1', gone: '1' } });
    const before = scene.stream(variant, cluster);
    before.send({ typeUrl: cluster });
    const { versions } = await before.accept(cluster);
    before.close();
    scene.source.change({ [cluster]: { changed: '2', gone: undefined, added: '1' } });
    const stream = scene.stream(variant, cluster);
    stream.send({ typeUrl: cluster, held: versions });
    expect(await stream.accept(cluster)).toMatchObject({ resources: { added: '1', changed: '2' }, removed: ['gone'] });
  });

  test('a client that returns with names is sent those that it does not hold', async () => {
    const scene = await open();
    scene.source.change({ [endpoint]: { a: '1', b: '1', c: '1' } });
    const before = scene.stream(variant, endpoint);
    before.send({ typeUrl: endpoint, subscribe: ['a'] });
    const { versions } = await before.accept(endpoint);
    const stream = scene.stream(variant, endpoint);
    stream.send({ typeUrl: endpoint, subscribe: ['a', 'b'], held: versions });
    expect((await stream.accept(endpoint)).resources).toEqual({ b: '1' });
    expect(await scene.unseen()).toBe(0);
  });

  test('what a later request says of held versions is not believed', async () => {
    const scene = await open();
    scene.source.change({ [endpoint]: { a: '1' } });
    const stream = scene.stream(variant, endpoint);
    stream.send({ typeUrl: endpoint, subscribe: ['x'] });
    await stream.accept(endpoint);
    const version = scene.source.snapshot(endpoint)?.parts[0]?.values().next().value?.version ?? '';
    stream.send({ typeUrl: endpoint, subscribe: ['a'], held: { a: version } });
    expect((await stream.accept(endpoint)).resources).toEqual({ a: '1' });
  });

  test('a large state comes in several responses, one after the answer to the other', async () => {
    const scene = await open({ limits: { maxResponseBytes: 1000 } });
    const names = Array.from({ length: 60 }, (_, index) => `cluster-${index}`);
    scene.source.change({ [cluster]: Object.fromEntries(names.map((name) => [name, '1'])) });
    const stream = scene.stream(variant, cluster);
    stream.send({ typeUrl: cluster });
    const got: string[] = [];
    let responses = 0;
    while (got.length < names.length) {
      const response = await stream.next(cluster);
      expect(await scene.unseen()).toBe(0);
      got.push(...Object.keys(response.resources));
      responses += 1;
      stream.ack(response);
    }
    expect(await scene.unseen()).toBe(0);
    expect(got.toSorted()).toEqual(names.toSorted());
    expect(responses).toBeGreaterThan(3);
  });
});
