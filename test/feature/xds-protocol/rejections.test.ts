// What a client can't take is found out, and the rest of the response reaches it: a NACK is about a whole response, and Envoy takes
// nothing of one with virtual hosts, route configurations or assignments.

import { describe, expect, test } from 'vitest';
import { resourceName } from '../../../server/cache/encoded-resource.ts';
import { resourcesOf } from '../../../server/cache/type-snapshot.ts';
import { typeUrls } from '../../../server/stream/type-rules.ts';
import { variants, type XdsResponse, type XdsStream } from '../../support/xds-client.ts';
import { xdsScenes, type XdsScene } from '../../support/xds-scene.ts';

const { cluster, endpoint, listener, virtualHost } = typeUrls;
const open = xdsScenes();
const [sotw, delta] = variants;
if (sotw === undefined || delta === undefined) throw new Error('there are both variants');
const variant = delta;

/** As Envoy takes virtual hosts: all of a response, or nothing of it. Names are bad while their label says so. */
class Refusing {
  readonly held: Record<string, string> = {};
  responses = 0;
  rejected = 0;
  readonly #stream: XdsStream;
  readonly #typeUrl: string;

  constructor(stream: XdsStream, typeUrl: string) {
    this.#stream = stream;
    this.#typeUrl = typeUrl;
  }

  async answer(): Promise<XdsResponse> {
    const response = await this.#stream.next(this.#typeUrl);
    this.responses += 1;
    const isBad = Object.values(response.resources).some((label) => label.startsWith('bad'));
    if (isBad) {
      this.rejected += 1;
      this.#stream.nack(response, 'Only unique values for domains are permitted');
    } else {
      Object.assign(this.held, response.resources);
      for (const name of response.removed) delete this.held[name];
      this.#stream.ack(response);
    }
    return response;
  }

  /** Answers until the server has nothing more to send. */
  async settle(scene: XdsScene): Promise<void> {
    while ((await scene.unseen()) > 0) await this.answer();
  }
}

function labels(count: number, bad: readonly number[] = []): Record<string, string> {
  return Object.fromEntries(
    Array.from({ length: count }, (_, index) => [
      `80/host-${String(index).padStart(3, '0')}`,
      bad.includes(index) ? 'bad' : 'good',
    ]),
  );
}

function connect(scene: XdsScene): Refusing {
  const stream = scene.stream(variant, virtualHost);
  stream.send({ typeUrl: virtualHost });
  return new Refusing(stream, virtualHost);
}

const blamedIn = (scene: XdsScene): readonly (readonly string[] | undefined)[] =>
  scene.source.reports.filter(({ error }) => error !== undefined).map(({ blamed }) => blamed?.map(({ name }) => name));

describe('a response that is rejected as a whole', () => {
  test('goes again in halves until the bad resource is alone: all others arrive', async () => {
    const scene = await open();
    scene.source.change({ [virtualHost]: labels(8, [5]) });
    const client = connect(scene);
    await client.settle(scene);
    expect(Object.keys(client.held)).toHaveLength(7);
    expect(client.held).not.toHaveProperty('80/host-005');
    // 8: no; 0-3: yes; 4-7: no; 4-5: no; 4: yes; 5: no; 6-7: yes.
    expect(client.responses).toBe(7);
    expect(client.rejected).toBe(4);
    expect(blamedIn(scene)).toEqual([undefined, undefined, undefined, ['80/host-005']]);
    expect(scene.metrics.count(`sent-again/${virtualHost}`)).toBe(6);
    expect(scene.connections.list()[0]?.types[0]).toMatchObject({ behind: false, rejected: 4 });
  });

  test('the client counts as in error until the bad resource is another one', async () => {
    const scene = await open();
    scene.source.change({ [virtualHost]: labels(2, [0]) });
    const client = connect(scene);
    await client.settle(scene);
    const status = (): string | undefined => scene.connections.list()[0]?.types[0]?.lastError;
    expect(status()).toContain('Only unique values');
    scene.source.change({ [virtualHost]: { '80/other': 'good' } });
    await client.settle(scene);
    expect(status()).toContain('Only unique values');
    scene.source.change({ [virtualHost]: { '80/host-000': 'good' } });
    await client.settle(scene);
    expect(status()).toBeUndefined();
    expect(client.held).toEqual({ '80/host-000': 'good', '80/host-001': 'good', '80/other': 'good' });
  });

  test('several bad ones are each found', async () => {
    const scene = await open();
    scene.source.change({ [virtualHost]: labels(16, [0, 7, 15]) });
    const client = connect(scene);
    await client.settle(scene);
    expect(Object.keys(client.held)).toHaveLength(13);
    expect(blamedIn(scene).flatMap((names) => names ?? [])).toEqual(['80/host-000', '80/host-007', '80/host-015']);
  });

  test('removals in it are done', async () => {
    const scene = await open();
    scene.source.change({ [virtualHost]: labels(4) });
    const client = connect(scene);
    await client.settle(scene);
    scene.source.change({ [virtualHost]: { '80/host-000': undefined, '80/host-001': 'bad', '80/host-002': 'better' } });
    await client.settle(scene);
    expect(client.held).toEqual({ '80/host-001': 'good', '80/host-002': 'better', '80/host-003': 'good' });
  });

  test('what changes meanwhile goes when the bad one is known, each once', async () => {
    const scene = await open();
    scene.source.change({ [virtualHost]: labels(4, [1]) });
    const client = connect(scene);
    await client.answer();
    await scene.settled();
    scene.source.change({ [virtualHost]: { '80/new': 'good', '80/host-003': 'newer' } });
    await client.settle(scene);
    expect(client.held).toEqual({
      '80/host-000': 'good',
      '80/host-002': 'good',
      '80/host-003': 'newer',
      '80/new': 'good',
    });
    expect(blamedIn(scene).at(-1)).toEqual(['80/host-001']);
  });

  test('a bad one that is mended meanwhile arrives with the others', async () => {
    const scene = await open();
    scene.source.change({ [virtualHost]: labels(8, [3]) });
    const client = connect(scene);
    await client.answer();
    await scene.settled();
    scene.source.change({ [virtualHost]: { '80/host-003': 'good again' } });
    await client.settle(scene);
    expect(client.held['80/host-003']).toBe('good again');
    expect(client.rejected).toBe(2);
  });

  test('another client gets all but the known one at once, and that one alone', async () => {
    const scene = await open();
    scene.source.change({ [virtualHost]: labels(64, [40]) });
    const first = connect(scene);
    await first.settle(scene);
    const second = connect(scene);
    await second.settle(scene);
    expect(Object.keys(second.held)).toHaveLength(63);
    expect(second.responses).toBe(3);
    expect(second.rejected).toBe(2);
  });

  test('a client that rejects everything is sent no more than its budget, and then no more of the same', async () => {
    const scene = await open();
    scene.source.change({
      [virtualHost]: labels(
        500,
        Array.from({ length: 500 }, (_, index) => index),
      ),
    });
    const client = connect(scene);
    await client.settle(scene);
    expect(client.responses).toBeLessThanOrEqual(1 + 64);
    expect(Object.keys(client.held)).toEqual([]);
    const before = client.responses;
    scene.source.change({ [virtualHost]: { '80/host-000': 'good' } });
    await client.settle(scene);
    expect(client.held).toEqual({ '80/host-000': 'good' });
    expect(client.responses).toBe(before + 1);
  });

  test('a stream that is far behind its first response goes on with the rest of it', async () => {
    const scene = await open({ limits: { maxResponseBytes: 200 } });
    scene.source.change({ [virtualHost]: labels(40, [2]) });
    const client = connect(scene);
    await client.settle(scene);
    expect(Object.keys(client.held)).toHaveLength(39);
    expect(blamedIn(scene).flatMap((names) => names ?? [])).toEqual(['80/host-002']);
  });
});

describe('a response of which the client took the good part', () => {
  test.each([
    [cluster, 'Error adding/updating cluster(s) b: no such file, d: no such file'],
    [listener, 'Error adding/updating listener(s) b: no such file\nd: no such file\n'],
  ])('names the bad ones, and nothing goes again: %s', async (typeUrl, error) => {
    const scene = await open();
    scene.source.change({ [typeUrl]: { a: '1', b: '1', bb: '1', d: '1' } });
    for (const each of variants) {
      const stream = scene.stream(each, typeUrl);
      stream.send({ typeUrl });
      stream.nack(await stream.next(typeUrl), error);
    }
    expect(await scene.unseen()).toBe(0);
    expect(blamedIn(scene)).toEqual(variants.map(() => ['b', 'd']));
  });
});

test('in state of the world assignments go again in parts, and a complete state does not', async () => {
  const scene = await open();
  scene.source.change({ [endpoint]: { a: 'good', b: 'bad', c: 'good' }, [cluster]: { a: '1', b: '1' } });
  const stream = scene.stream(sotw, endpoint);
  stream.send({ typeUrl: endpoint, subscribe: ['a', 'b', 'c'] });
  const client = new Refusing(stream, endpoint);
  await client.settle(scene);
  expect(client.held).toEqual({ a: 'good', c: 'good' });
  const clusters = scene.stream(sotw, cluster);
  clusters.send({ typeUrl: cluster });
  clusters.nack(await clusters.next(cluster), 'Proto constraint validation failed');
  expect(await scene.unseen()).toBe(0);
  expect(scene.source.reports.at(-1)?.blamed).toEqual([]);
});

test('each client says how it stands to a version', async () => {
  const scene = await open();
  scene.source.change({ [virtualHost]: { a: 'good', b: 'bad' } });
  const refusing = connect(scene);
  await refusing.settle(scene);
  const silent = connect(scene);
  await scene.settled();
  const standings = (name: string): readonly (readonly string[])[] =>
    [...scene.connections].map((connection) =>
      connection.standings(virtualHost, (snapshot) =>
        [...resourcesOf(snapshot)].filter((resource) => resource.name === resourceName(name)),
      ),
    );
  expect(standings('a')).toEqual([['accepted'], ['unanswered']]);
  expect(standings('b')).toEqual([['rejected'], ['unanswered']]);
  await silent.settle(scene);
  expect(standings('b')).toEqual([['rejected'], ['rejected']]);
});
