// The agent as the resolver of programs: a real instance over two clusters, a real agent, questions of real resolvers.

import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import { encode } from 'dns-packet';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { rcodeOf, rcodes } from '../../../agent/dns/dns-message.ts';
import { readCounter } from '../../bench/scrape.ts';
import { serviceManifest } from '../../support/kube-objects.ts';
import { waitFor } from '../../support/wait-for.ts';
import { startDnsScene, type DnsScene } from './dns-scene.ts';

let scene: DnsScene;

beforeAll(async () => {
  scene = await startDnsScene();
}, 120_000);

afterAll(async () => {
  await scene?.[Symbol.asyncDispose]();
});

/** As a resolver that waits as long as it takes. */
async function askOnce(name: string): Promise<Buffer> {
  const socket = createSocket('udp4');
  try {
    const { promise, resolve } = Promise.withResolvers<Buffer>();
    socket.once('message', resolve);
    socket.send(encode({ type: 'query', id: 1, questions: [{ name, type: 'A' }] }), scene.port, '127.0.0.1');
    return await promise;
  } finally {
    socket.close();
  }
}

const nothing = (code: string) => expect.objectContaining({ code });

describe('services', () => {
  test.each(['helloworld', 'helloworld.sample', 'HelloWorld.Sample.svc', 'helloworld.sample.svc.cluster.local'])(
    'resolve as %s',
    async (name) => {
      expect(await scene.resolver.resolve4(name, { ttl: true })).toEqual([{ address: '10.96.0.10', ttl: 30 }]);
    },
  );

  test('that only the other cluster has resolve to the address that the API shows', async () => {
    const services = (await scene.instance.json('/api/v1/services')) as readonly {
      readonly host: string;
      readonly allocatedAddresses: readonly string[];
    }[];
    const shown = services.find(({ host }) => host === 'only-there.sample.svc.cluster.local')?.allocatedAddresses;
    expect(await scene.resolver.resolve4('only-there')).toEqual([shown?.[0]]);
    expect(shown?.[0]).toMatch(/^240\.240\./);
  });

  test('that only the other cluster has say their ports', async () => {
    const [port] = await scene.resolver.resolveSrv('_http._tcp.only-there.sample.svc.cluster.local');
    expect(port).toMatchObject({ name: 'only-there.sample.svc.cluster.local', priority: 0 });
    expect(port?.port).toBeGreaterThan(0);
  });

  test('resolve when a resolver lengthens their names', async () => {
    const name = 'only-there.sample.svc.cluster.local.sample.svc.cluster.local';
    expect(await scene.resolver.resolve4(name)).toHaveLength(1);
    expect(await scene.resolver.resolveCname(name)).toEqual(['only-there.sample.svc.cluster.local']);
  });

  test('have no data of a family that they have no address of; names that nobody has do not exist', async () => {
    await expect(scene.resolver.resolve6('helloworld')).rejects.toEqual(nothing('ENODATA'));
    await expect(scene.resolver.resolve4('nobody')).rejects.toEqual(nothing('ENOTFOUND'));
  });

  test('that are headless resolve to all their pods, over TCP when they are many', async () => {
    const pods = await scene.resolver.resolve4('web');
    expect(new Set(pods)).toEqual(new Set(Array.from({ length: 40 }, (_, index) => `10.1.1.${index + 1}`)));
  });

  test('that come, in whichever cluster, resolve', async () => {
    await expect(scene.resolver.resolve4('later')).rejects.toEqual(nothing('ENOTFOUND'));
    scene.write(
      'remote',
      'later.yaml',
      serviceManifest('later', { clusterIP: '10.97.0.11', clusterIPs: ['10.97.0.11'] }),
    );
    const found = await waitFor(
      () => scene.resolver.resolve4('later').catch(() => []),
      (addresses) => addresses.length > 0,
      { what: 'the name to resolve' },
    );
    expect(found).toEqual([expect.stringMatching(/^240\.240\./)]);
  });
});

describe('everything else', () => {
  test('is asked for upstream, over TCP when the answer is long', async () => {
    expect(await scene.resolver.resolve4('outside.example.com', { ttl: true })).toEqual([
      { address: '203.0.113.7', ttl: 60 },
    ]);
    expect(await scene.resolver.resolve4('many.example.com')).toHaveLength(50);
  });

  test(
    'fails with SERVFAIL when the resolver is silent, and works when it answers again',
    { timeout: 20_000 },
    async () => {
      scene.upstream.isSilent = true;
      const before = scene.upstream.asked.length;
      expect(rcodeOf(await askOnce('outside.example.com'))).toBe(rcodes.serverFailure);
      expect(scene.upstream.asked.slice(before)).toEqual(['outside.example.com A', 'outside.example.com A']);
      scene.upstream.isSilent = false;
      expect(await scene.resolver.resolve4('outside.example.com')).toEqual(['203.0.113.7']);
    },
  );
});

describe('what is no question', () => {
  test('random datagrams and a flood do not keep others from their answers', async () => {
    const socket = createSocket('udp4');
    const sent: Promise<void>[] = [];
    for (let index = 0; index < 5000; index += 1) {
      const bytes = Buffer.from(Array.from({ length: index % 700 }, () => Math.floor(Math.random() * 256)));
      sent.push(new Promise((resolve) => socket.send(bytes, scene.port, '127.0.0.1', () => resolve())));
    }
    await Promise.all(sent);
    // What comes while the queue of the socket is full is dropped by the system: programs ask again. An answer to what was asked after
    // the flood says that the agent has read all of it.
    const addresses = await waitFor(() => scene.resolver.resolve4('helloworld'), Boolean, {
      what: 'an answer',
    });
    expect(addresses).toEqual(['10.96.0.10']);
    socket.close();
  });

  test('a connection that sends noise is closed, and others are served', async () => {
    const socket = connect(scene.port, '127.0.0.1');
    socket.write(Buffer.alloc(2000, 0x01));
    socket.end(Buffer.from([0, 3, 1, 2, 3]));
    await new Promise((resolve) =>
      socket
        .on('close', resolve)
        .on('error', () => undefined)
        .resume(),
    );
    expect(await scene.resolver.resolve4('web')).toHaveLength(40);
  });
});

test('an agent without an Envoy is no proxy, neither to readers nor to an autoscaler', async () => {
  expect(await scene.instance.json('/api/v1/proxies')).toEqual([]);
  const { monitoring } = scene.instance;
  expect(await readCounter(monitoring, 'isthmus_connected_proxies')).toBe(0);
});

// The last one: nothing comes back.
test('names stay while there is no control plane', async () => {
  await scene.instance.process.stop();
  await scene.agent.waitForLine("the name table's stream ended");
  expect(await scene.resolver.resolve4('helloworld')).toEqual(['10.96.0.10']);
  expect(await scene.resolver.resolve4('only-there')).toHaveLength(1);
  // A question that is being asked elsewhere does not keep the agent.
  scene.upstream.isSilent = true;
  const asked = scene.upstream.asked.length;
  const pending = scene.resolver.resolve4('outside.example.com').catch(() => []);
  await waitFor(
    () => scene.upstream.asked.length,
    (count) => count > asked,
    { what: 'the question upstream' },
  );
  const stopped = await scene.agent.stop();
  scene.resolver.cancel();
  await pending;
  expect(stopped).toEqual({ code: 0, signal: null });
});
