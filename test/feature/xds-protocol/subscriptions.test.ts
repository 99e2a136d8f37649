// "How the client specifies what resources to return", "Grouping", "Deleting", "Knowing when a requested resource does not
// exist" and "Unsubscribing" of the xDS protocol document.

import { describe, expect, test } from 'vitest';
import { typeUrls } from '../../../server/stream/type-rules.ts';
import { variants } from '../../support/xds-client.ts';
import { xdsScenes } from '../../support/xds-scene.ts';

const { cluster, endpoint, listener } = typeUrls;
const open = xdsScenes();

describe.each(variants)('$title', (variant) => {
  test.each([
    ['clusters', cluster],
    ['listeners', listener],
  ])('a first request without names asks for all %s', async (_what, typeUrl) => {
    const scene = await open();
    scene.source.change({ [typeUrl]: { a: '1', b: '1' } });
    const stream = scene.stream(variant, typeUrl);
    stream.send({ typeUrl });
    expect((await stream.accept(typeUrl)).resources).toEqual({ a: '1', b: '1' });
    expect(await scene.unseen()).toBe(0);
  });

  test('a wildcard over nothing is answered, so that the client need not wait', async () => {
    const scene = await open();
    const stream = scene.stream(variant, cluster);
    stream.send({ typeUrl: cluster });
    expect((await stream.accept(cluster)).resources).toEqual({});
    expect(await scene.unseen()).toBe(0);
  });

  test('the name * asks for everything', async () => {
    const scene = await open();
    scene.source.change({ [cluster]: { a: '1', b: '1' } });
    const stream = scene.stream(variant, cluster);
    stream.send({ typeUrl: cluster, subscribe: ['*'] });
    expect((await stream.accept(cluster)).resources).toEqual({ a: '1', b: '1' });
    expect(await scene.unseen()).toBe(0);
  });

  test('a resource that appears under a wildcard is sent', async () => {
    const scene = await open();
    scene.source.change({ [cluster]: { a: '1' } });
    const stream = scene.stream(variant, cluster);
    stream.send({ typeUrl: cluster });
    await stream.accept(cluster);
    await scene.settled();
    scene.source.change({ [cluster]: { b: '1' } });
    const { resources } = await stream.accept(cluster);
    expect(resources).toEqual(variant.delta ? { b: '1' } : { a: '1', b: '1' });
  });

  test('clusters can be asked for by name, and only those are sent', async () => {
    const scene = await open();
    scene.source.change({ [cluster]: { a: '1', b: '1' } });
    const stream = scene.stream(variant, cluster);
    stream.send({ typeUrl: cluster, subscribe: ['b'] });
    expect((await stream.accept(cluster)).resources).toEqual({ b: '1' });
    await scene.settled();
    scene.source.change({ [cluster]: { a: '2' } });
    expect(await scene.unseen()).toBe(0);
  });

  test('an empty request for endpoints asks for none', async () => {
    const scene = await open();
    scene.source.change({ [endpoint]: { a: '1' } });
    const stream = scene.stream(variant, endpoint);
    stream.send({ typeUrl: endpoint });
    expect(await scene.unseen()).toBe(0);
  });

  test('the example of the document: nothing, then * and A, then A, then nothing', async () => {
    const scene = await open();
    scene.source.change({ [cluster]: { A: '1', B: '1' } });
    const stream = scene.stream(variant, cluster);
    stream.send({ typeUrl: cluster });
    const all = await stream.accept(cluster);
    expect(all.resources).toEqual({ A: '1', B: '1' });

    stream.send({ typeUrl: cluster, subscribe: variant.delta ? ['A'] : ['*', 'A'], nonce: all.nonce });
    const both = await stream.accept(cluster);
    expect(both.resources).toMatchObject({ A: '1' });
    await scene.settled();
    scene.source.change({ [cluster]: { B: '2' } });
    const changed = await stream.accept(cluster);
    expect(changed.resources).toMatchObject({ B: '2' });

    stream.send({ typeUrl: cluster, unsubscribe: ['*'], nonce: changed.nonce });
    await scene.settled();
    scene.source.change({ [cluster]: { B: '3' } });
    expect(await scene.unseen()).toBe(0);
    scene.source.change({ [cluster]: { A: '2' } });
    const named = await stream.accept(cluster);
    expect(named.resources).toEqual({ A: '2' });

    stream.send({ typeUrl: cluster, unsubscribe: ['A'], nonce: named.nonce });
    await scene.settled();
    scene.source.change({ [cluster]: { A: '3', B: '4' } });
    expect(await scene.unseen()).toBe(0);
  });

  test('a name that is asked for later is sent, although nothing changed', async () => {
    const scene = await open();
    scene.source.change({ [endpoint]: { a: '1', b: '1' } });
    const stream = scene.stream(variant, endpoint);
    stream.send({ typeUrl: endpoint, subscribe: ['a'] });
    const first = await stream.accept(endpoint);
    stream.send({ typeUrl: endpoint, subscribe: ['b'], nonce: first.nonce });
    expect((await stream.accept(endpoint)).resources).toEqual({ b: '1' });
    expect(await scene.unseen()).toBe(0);
  });

  test('a name that was given up is not sent any more, and sent anew when it is asked for again', async () => {
    const scene = await open();
    scene.source.change({ [endpoint]: { a: '1', b: '1' } });
    const stream = scene.stream(variant, endpoint);
    stream.send({ typeUrl: endpoint, subscribe: ['a', 'b'] });
    const first = await stream.accept(endpoint);
    stream.send({ typeUrl: endpoint, unsubscribe: ['b'], nonce: first.nonce });
    await scene.settled();
    scene.source.change({ [endpoint]: { b: '2' } });
    expect(await scene.unseen()).toBe(0);
    stream.send({ typeUrl: endpoint, subscribe: ['b'], nonce: first.nonce });
    expect((await stream.accept(endpoint)).resources).toEqual({ b: '2' });
  });

  test('a name that does not exist is remembered, and sent when it springs into existence', async () => {
    const scene = await open();
    const stream = scene.stream(variant, endpoint);
    stream.send({ typeUrl: endpoint, subscribe: ['later'] });
    if (variant.delta) await stream.accept(endpoint);
    expect(await scene.unseen()).toBe(0);
    scene.source.change({ [endpoint]: { later: '1' } });
    expect((await stream.accept(endpoint)).resources).toEqual({ later: '1' });
  });

  test('one change of a hundred endpoints sends one resource', async () => {
    const scene = await open();
    const names = Array.from({ length: 100 }, (_, index) => `n${index}`);
    scene.source.change({ [endpoint]: Object.fromEntries(names.map((name) => [name, '1'])) });
    const stream = scene.stream(variant, endpoint);
    stream.send({ typeUrl: endpoint, subscribe: names });
    await stream.accept(endpoint);
    await scene.settled();
    scene.source.change({ [endpoint]: { n7: '2' } });
    expect((await stream.accept(endpoint)).resources).toEqual({ n7: '2' });
  });

  test('one change of a hundred clusters sends one in delta, all of them in state of the world', async () => {
    const scene = await open();
    const names = Array.from({ length: 100 }, (_, index) => `n${index}`);
    scene.source.change({ [cluster]: Object.fromEntries(names.map((name) => [name, '1'])) });
    const stream = scene.stream(variant, cluster);
    stream.send({ typeUrl: cluster });
    await stream.accept(cluster);
    await scene.settled();
    scene.source.change({ [cluster]: { n7: '2' } });
    expect(Object.keys((await stream.accept(cluster)).resources)).toHaveLength(variant.delta ? 1 : 100);
  });

  test('a deleted cluster is named in delta and left out in state of the world', async () => {
    const scene = await open();
    scene.source.change({ [cluster]: { a: '1', b: '1' } });
    const stream = scene.stream(variant, cluster);
    stream.send({ typeUrl: cluster });
    await stream.accept(cluster);
    await scene.settled();
    scene.source.change({ [cluster]: { a: undefined } });
    const { resources, removed } = await stream.accept(cluster);
    expect({ resources, removed }).toEqual(
      variant.delta ? { resources: {}, removed: ['a'] } : { resources: { b: '1' }, removed: [] },
    );
    expect(await scene.unseen()).toBe(0);
  });

  test('the last cluster is deleted as any other', async () => {
    const scene = await open();
    scene.source.change({ [cluster]: { a: '1' } });
    const stream = scene.stream(variant, cluster);
    stream.send({ typeUrl: cluster });
    await stream.accept(cluster);
    await scene.settled();
    scene.source.change({ [cluster]: { a: undefined } });
    expect(await stream.accept(cluster)).toMatchObject({ resources: {}, removed: variant.delta ? ['a'] : [] });
  });

  test('deleted endpoints are named in delta; state of the world has no way to say it', async () => {
    const scene = await open();
    scene.source.change({ [endpoint]: { a: '1', b: '1' } });
    const stream = scene.stream(variant, endpoint);
    stream.send({ typeUrl: endpoint, subscribe: ['a', 'b'] });
    await stream.accept(endpoint);
    await scene.settled();
    scene.source.change({ [endpoint]: { a: undefined } });
    const gone = variant.delta ? (await stream.accept(endpoint)).removed : [];
    expect(gone).toEqual(variant.delta ? ['a'] : []);
    expect(await scene.unseen()).toBe(0);
  });

  test('a resource that was deleted and comes back with the same bytes is sent again', async () => {
    const scene = await open();
    scene.source.change({ [endpoint]: { a: '1' } });
    const stream = scene.stream(variant, endpoint);
    stream.send({ typeUrl: endpoint, subscribe: ['a'] });
    await stream.accept(endpoint);
    await scene.settled();
    scene.source.change({ [endpoint]: { a: undefined } });
    if (variant.delta) await stream.accept(endpoint);
    await scene.settled();
    scene.source.change({ [endpoint]: { a: '1' } });
    expect((await stream.accept(endpoint)).resources).toEqual({ a: '1' });
  });
});
