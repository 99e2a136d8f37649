// A rejected resource is traced to the object behind it, and that object alone goes back to its last good form, unless that would let
// one proxy decide for others, or let in what is not to be let in.

import { setTimeout } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { objectKey, type ObjectKey } from '../../../discovery/model/names.ts';
import { typeUrls } from '../../../server/stream/type-rules.ts';
import {
  podManifest,
  policyManifest,
  serviceManifest,
  sliceManifest,
  type Manifest,
} from '../../support/kube-objects.ts';
import { waitFor } from '../../support/wait-for.ts';
import { openRejectingScene, type Refuses, type TestProxy } from './rejecting-scene.ts';

const { cluster, listener, virtualHost } = typeUrls;
const host = (name: string): string => `${name}.sample.svc.cluster.local`;
const hostOf = (name: string): string => `80/${host(name)}:80`;
const clusterOf = (name: string): string => `outbound|80||${host(name)}`;

const services = ['store', 'cart', 'news'].map((name, index) =>
  serviceManifest(name, { clusterIP: `10.96.0.${index + 1}` }),
);

const routes = (name: string, timeout: string, extra: Manifest = {}): Manifest =>
  policyManifest('VirtualService', name, {
    hosts: [name],
    http: [{ timeout, route: [{ destination: { host: name } }] }],
    ...extra,
  });
const limits = (name: string, maxConnections: number): Manifest =>
  policyManifest('DestinationRule', name, {
    host: name,
    trafficPolicy: {
      connectionPool: { tcp: { maxConnections } },
      loadBalancer: { consistentHash: { httpHeaderName: `x-${maxConnections}` } },
    },
  });
const key = (kind: string, name: string): ObjectKey => objectKey(kind, 'sample', name);

/** Can't take other versions of these than `proxy` holds now, those it takes later among them. */
function onlyAsNow(proxy: TestProxy, type: string, ...names: readonly string[]): Refuses {
  const now = new Map(names.map((name) => [name, proxy.version(type, name)]));
  return (name, version) => now.has(name) && now.get(name) !== version;
}

const never: Refuses = () => false;

describe('an edit that no proxy can take', () => {
  test('is held back alone, by two messages; everything else of the same batch arrives, and it is said once', async () => {
    const scene = await openRejectingScene([...services, routes('store', '1s'), routes('cart', '1s')]);
    const proxy = await scene.connect('sleep-1');
    const before = {
      store: proxy.version(virtualHost, hostOf('store')),
      cart: proxy.version(virtualHost, hostOf('cart')),
    };
    proxy.refuses = onlyAsNow(proxy, virtualHost, hostOf('store'));
    const sent = scene.metrics.count(`pushes/${virtualHost}`);
    await scene.declare(routes('store', '2s'));
    const [found] = await scene.found(1);
    expect(found).toMatchObject({
      severity: 'error',
      code: 'rejected-by-proxy',
      object: key('VirtualService', 'store'),
    });
    expect(found?.message).toContain('sleep-1.sample');
    expect(found?.message).toContain(hostOf('store'));
    expect(found?.message).toContain('Only unique values for domains are permitted');
    expect(found?.message).toContain('stays in use');
    expect(scene.metrics.count(`pushes/${virtualHost}`) - sent).toBe(2);
    expect(proxy.version(virtualHost, hostOf('store'))).toBe(before.store);
    await scene.declare(routes('cart', '3s'));
    expect(proxy.version(virtualHost, hostOf('cart'))).not.toBe(before.cart);
    expect(scene.registry.heldBack(key('VirtualService', 'store'))).toBe('earlier');
    expect(scene.registry.heldBack(key('VirtualService', 'cart'))).toBeUndefined();
    const lines = scene.lines.filter((line) => line['code'] === 'rejected-by-proxy');
    expect(lines).toHaveLength(1);
    expect(await scene.counters()).toContain('isthmus_rejected_versions_total{type="vhds",outcome="held"} 1');
    expect(await scene.counters()).toContain('isthmus_objects_held_back 1');
  });

  test('does not keep the other virtual hosts of its response away', async () => {
    const scene = await openRejectingScene([...services, routes('store', '1s'), routes('cart', '1s')]);
    const proxy = await scene.connect('sleep-1');
    proxy.refuses = onlyAsNow(proxy, virtualHost, hostOf('store'));
    const before = proxy.version(virtualHost, hostOf('cart'));
    await scene.declare(routes('store', '2s'), routes('cart', '2s'), routes('news', '2s'));
    const [found] = await scene.found(1);
    expect(found?.object).toBe(key('VirtualService', 'store'));
    expect(proxy.version(virtualHost, hostOf('cart'))).not.toBe(before);
    expect(scene.registry.heldBack(key('VirtualService', 'cart'))).toBeUndefined();
    expect(scene.registry.heldBack(key('VirtualService', 'news'))).toBeUndefined();
  });

  test('never reaches a proxy that connects later', async () => {
    const scene = await openRejectingScene([...services, routes('store', '1s')]);
    const first = await scene.connect('sleep-1');
    const refuses = onlyAsNow(first, virtualHost, hostOf('store'));
    first.refuses = refuses;
    await scene.declare(routes('store', '2s'));
    await scene.found(1);
    const later = await scene.connect('sleep-2', { refuses });
    expect(later.rejected).toEqual([]);
    expect(later.version(virtualHost, hostOf('store'))).toBe(first.version(virtualHost, hostOf('store')));
  });

  test('is said of all replicas as one', async () => {
    const scene = await openRejectingScene([...services, routes('store', '1s')]);
    const proxies = await Promise.all(
      [1, 2, 3].map(async (index) => scene.connect(`sleep-${index}`, { address: `10.9.0.${index}` })),
    );
    for (const proxy of proxies) proxy.refuses = onlyAsNow(proxy, virtualHost, hostOf('store'));
    await scene.declare(routes('store', '2s'));
    const [found] = await scene.found(1);
    expect(found?.message).toContain('3 proxies, such as ');
    expect(scene.lines.filter((line) => line['code'] === 'rejected-by-proxy')).toHaveLength(1);
  });

  test('is tried again when it is edited, and the finding is gone', async () => {
    const scene = await openRejectingScene([...services, routes('store', '1s')]);
    const proxy = await scene.connect('sleep-1');
    const before = proxy.version(virtualHost, hostOf('store'));
    proxy.refuses = onlyAsNow(proxy, virtualHost, hostOf('store'));
    await scene.declare(routes('store', '2s'));
    await scene.found(1);
    proxy.refuses = never;
    await scene.declare(routes('store', '3s'));
    expect(await scene.found(0)).toEqual([]);
    expect(proxy.version(virtualHost, hostOf('store'))).not.toBe(before);
    expect(await scene.counters()).toContain('isthmus_objects_held_back 0');
  });

  test('and edited so that it is rejected again, goes back to the same last good form', async () => {
    const scene = await openRejectingScene([...services, routes('store', '1s')]);
    const proxy = await scene.connect('sleep-1');
    const before = proxy.version(virtualHost, hostOf('store'));
    proxy.refuses = onlyAsNow(proxy, virtualHost, hostOf('store'));
    await scene.declare(routes('store', '2s'));
    await scene.found(1);
    await scene.declare(routes('store', '3s'));
    await scene.found(1);
    expect(proxy.rejected).toHaveLength(2);
    expect(proxy.version(virtualHost, hostOf('store'))).toBe(before);
  });

  test('is not tried again when it is only told again', async () => {
    const scene = await openRejectingScene([...services, routes('store', '1s')]);
    const proxy = await scene.connect('sleep-1');
    proxy.refuses = onlyAsNow(proxy, virtualHost, hostOf('store'));
    await scene.declare(routes('store', '2s'));
    await scene.found(1);
    const sent = scene.metrics.count('pushes');
    await scene.declare({
      ...routes('store', '2s'),
      status: { conditions: [{ type: 'Reconciled', status: 'False' }] },
    });
    expect(scene.metrics.count('pushes')).toBe(sent);
    expect(proxy.rejected).toHaveLength(1);
  });

  test('is over when the object is deleted', async () => {
    const scene = await openRejectingScene([...services, routes('store', '1s')]);
    const proxy = await scene.connect('sleep-1');
    proxy.refuses = onlyAsNow(proxy, virtualHost, hostOf('store'));
    await scene.declare(routes('store', '2s'));
    await scene.found(1);
    proxy.refuses = never;
    await scene.remove('VirtualService', 'store');
    expect(await scene.found(0)).toEqual([]);
  });

  test('of a DestinationRule takes its clusters back, which Envoy names', async () => {
    const scene = await openRejectingScene([...services, limits('store', 1)]);
    const proxy = await scene.connect('sleep-1');
    const before = proxy.version(cluster, clusterOf('store'));
    proxy.refuses = onlyAsNow(proxy, cluster, clusterOf('store'));
    const sent = scene.metrics.count(`pushes/${cluster}`);
    await scene.declare(limits('store', 2), limits('cart', 2));
    const [found] = await scene.found(1);
    expect(found?.object).toBe(key('DestinationRule', 'store'));
    expect(proxy.version(cluster, clusterOf('store'))).toBe(before);
    expect(scene.registry.heldBack(key('DestinationRule', 'cart'))).toBeUndefined();
    expect(scene.metrics.count(`pushes/${cluster}`) - sent).toBe(2);
  });
});

describe('a new object that no proxy can take', () => {
  test('is left out', async () => {
    const scene = await openRejectingScene(services);
    const proxy = await scene.connect('sleep-1');
    const before = proxy.version(virtualHost, hostOf('store'));
    proxy.refuses = onlyAsNow(proxy, virtualHost, hostOf('store'));
    await scene.declare(routes('store', '2s'));
    const [found] = await scene.found(1);
    expect(found?.message).toContain('left out');
    expect(scene.registry.heldBack(key('VirtualService', 'store'))).toBe('none');
    expect(proxy.version(virtualHost, hostOf('store'))).toBe(before);
  });

  test('is left out when the instance began with it', async () => {
    const good = await openRejectingScene(services);
    const known = await good.connect('sleep-1');
    const scene = await openRejectingScene([...services, routes('store', '2s')]);
    const proxy = await scene.connect('sleep-1', { refuses: onlyAsNow(known, virtualHost, hostOf('store')) });
    await scene.found(1);
    expect(scene.registry.heldBack(key('VirtualService', 'store'))).toBe('none');
    expect(proxy.version(virtualHost, hostOf('store'))).toBe(known.version(virtualHost, hostOf('store')));
    expect(proxy.version(virtualHost, hostOf('cart'))).toBeDefined();
  });
});

describe('of two objects that changed at once and shape one resource', () => {
  /** The versions that `declared` makes of the virtual host of the store. */
  async function versionOf(...declared: readonly Manifest[]): Promise<string | undefined> {
    const scene = await openRejectingScene([...services, ...declared]);
    return (await scene.connect('sleep-1')).version(virtualHost, hostOf('store'));
  }

  // Far longer than a rejection takes to come on a busy machine, too: one that came after its trial would be laid to the next one tried.
  const trialMs = 1000;

  test.each([
    // Found at the first guess.
    ['VirtualService', 'DestinationRule', [limits('store', 2), routes('store', '1s')], 1],
    // Rejected with the other one held back, and once more in its trial.
    ['DestinationRule', 'VirtualService', [limits('store', 1), routes('store', '2s')], 3],
  ])('only the bad %s stays held back', async (bad, innocent, goodState, rejections) => {
    const first = [limits('store', 1), routes('store', '1s')];
    const good = new Set([await versionOf(...first), await versionOf(...goodState)]);
    expect(good.size).toBe(2);
    const scene = await openRejectingScene([...services, ...first], { trialMs });
    const proxy = await scene.connect('sleep-1', {
      refuses: (name, version) => name === hostOf('store') && !good.has(version),
    });
    await scene.declare(limits('store', 2), routes('store', '2s'));
    const isSettled = (): boolean =>
      scene.registry.heldBack(key(innocent, 'store')) === undefined &&
      scene.registry.heldBack(key(bad, 'store')) === 'earlier' &&
      proxy.version(virtualHost, hostOf('store')) === [...good].at(-1);
    await waitFor(
      () => ({ isSettled: isSettled(), rejections: proxy.rejected.length }),
      (now) => now.isSettled && now.rejections === rejections,
      { what: 'the innocent one to be in force', intervalMs: 10 },
    );
    // Longer than both of them would be tried.
    await setTimeout(3 * trialMs);
    expect([isSettled(), proxy.rejected.length]).toEqual([true, rejections]);
    const [found] = await scene.found(1);
    expect(found?.object).toBe(key(bad, 'store'));
  });
});

describe('nothing is taken back', () => {
  test('when another proxy takes it', async () => {
    const scene = await openRejectingScene([...services, routes('store', '1s')]);
    const odd = await scene.connect('odd');
    const sound = await scene.connect('sound', { address: '10.9.0.2' });
    const before = sound.version(virtualHost, hostOf('store'));
    odd.refuses = onlyAsNow(odd, virtualHost, hostOf('store'));
    await scene.declare(routes('store', '2s'));
    const [found] = await scene.found(1);
    expect(found).toMatchObject({ severity: 'warning', object: key('VirtualService', 'store') });
    expect(found?.message).toContain('Other proxies take');
    expect(scene.registry.heldBack(key('VirtualService', 'store'))).toBeUndefined();
    expect(sound.version(virtualHost, hostOf('store'))).not.toBe(before);
    odd.leave();
    expect(await scene.found(0)).toEqual([]);
  });

  test('until those that took it are gone and one more rejects it', async () => {
    const scene = await openRejectingScene([...services, routes('store', '1s')]);
    const odd = await scene.connect('odd');
    const sound = await scene.connect('sound', { address: '10.9.0.2' });
    const refuses = onlyAsNow(odd, virtualHost, hostOf('store'));
    odd.refuses = refuses;
    await scene.declare(routes('store', '2s'));
    expect((await scene.found(1))[0]?.severity).toBe('warning');
    sound.leave();
    await waitFor(
      () => scene.connected(),
      (count) => count === 1,
      { what: 'the proxy to be gone', intervalMs: 5 },
    );
    await scene.connect('another', { address: '10.9.0.3', refuses });
    await waitFor(
      () => scene.findings()[0]?.severity,
      (severity) => severity === 'error',
      { what: 'the object to be held back', intervalMs: 10 },
    );
    expect(scene.registry.heldBack(key('VirtualService', 'store'))).toBe('earlier');
  });

  test('while another proxy has not answered, which then takes it', async () => {
    const scene = await openRejectingScene([...services, routes('store', '1s')], { windowMs: 60_000 });
    const odd = await scene.connect('odd');
    const slow = await scene.connect('slow', { address: '10.9.0.2' });
    odd.refuses = onlyAsNow(odd, virtualHost, hostOf('store'));
    slow.silent = true;
    const declared = scene.declare(routes('store', '2s'));
    while (odd.rejected.length === 0) await setTimeout(1);
    expect(scene.findings()).toEqual([]);
    slow.speak();
    await declared;
    const [found] = await scene.found(1);
    expect(found?.severity).toBe('warning');
    expect(scene.registry.heldBack(key('VirtualService', 'store'))).toBeUndefined();
  });

  test('that no change is behind, before those that return have said what they hold', async () => {
    const scene = await openRejectingScene([...services, routes('store', '2s')], { startMs: 60_000 });
    const odd = await scene.connect('odd', { refuses: (name) => name === hostOf('store') });
    expect(odd.rejected.length).toBeGreaterThan(0);
    const sound = await scene.connect('sound', { address: '10.9.0.2' });
    expect(scene.findings()).toEqual([]);
    scene.later(60_000);
    const [found] = await scene.found(1);
    expect(found?.severity).toBe('warning');
    expect(sound.version(virtualHost, hostOf('store'))).toBeDefined();
    expect(scene.registry.heldBack(key('VirtualService', 'store'))).toBeUndefined();
  });

  test('by the only proxy of a class, when proxies of another class take theirs', async () => {
    const scene = await openRejectingScene([...services, limits('store', 1), routes('store', '1s')]);
    const odd = await scene.connect('odd', { namespace: 'elsewhere' });
    const sound = await scene.connect('sound', { address: '10.9.0.2' });
    odd.refuses = onlyAsNow(odd, virtualHost, hostOf('store'));
    expect(odd.version(virtualHost, hostOf('store'))).not.toBe(sound.version(virtualHost, hostOf('store')));
    await scene.declare(routes('store', '2s'));
    const [found] = await scene.found(1);
    expect(found?.severity).toBe('warning');
    expect(scene.registry.heldBack(key('VirtualService', 'store'))).toBeUndefined();
  });

  test('of an AuthorizationPolicy', async () => {
    const policy = (paths: readonly string[]): Manifest =>
      policyManifest('AuthorizationPolicy', 'store', { rules: [{ to: [{ operation: { paths } }] }] });
    const scene = await openRejectingScene([
      ...services,
      podManifest('store-1', '10.9.0.1', 'store'),
      sliceManifest('store-a', 'store', ['10.9.0.1']),
      policy(['/a']),
    ]);
    const proxy = await scene.connect('store-1');
    const names = [...(proxy.held.get(listener)?.keys() ?? [])];
    const inForce = scene.registry.snapshot.policies.get(key('AuthorizationPolicy', 'store'));
    proxy.refuses = onlyAsNow(proxy, listener, ...names);
    await scene.declare(policy(['/b']));
    const [found] = await scene.found(1);
    expect(found).toMatchObject({ severity: 'error', object: key('AuthorizationPolicy', 'store') });
    expect(found?.message).toContain('not taken back');
    expect(scene.registry.snapshot.policies.get(key('AuthorizationPolicy', 'store'))).not.toEqual(inForce);
  });
});

test('an answer that does not come in time does not count', async () => {
  const scene = await openRejectingScene([...services, routes('store', '1s')], { windowMs: 100 });
  const proxy = await scene.connect('sleep-1');
  const mute = await scene.connect('mute', { address: '10.9.0.2' });
  proxy.refuses = onlyAsNow(proxy, virtualHost, hostOf('store'));
  mute.silent = true;
  const declared = scene.declare(routes('store', '2s'));
  while (scene.findings().length === 0) await setTimeout(20);
  expect(scene.registry.heldBack(key('VirtualService', 'store'))).toBe('earlier');
  mute.speak();
  await declared;
});

test('a proxy that rejects everything takes up a bounded number of findings, and nothing of others', async () => {
  const many = Array.from({ length: 60 }, (_, index) => `app-${index}`);
  const scene = await openRejectingScene(
    many.map((name, index) => serviceManifest(name, { clusterIP: `10.97.0.${index + 1}` })),
  );
  const sound = await scene.connect('sound', { address: '10.9.0.2' });
  const hostile = await scene.connect('hostile', { refuses: (name) => name.startsWith('80/') });
  expect(hostile.held.get(virtualHost)?.size).toBe(0);
  await scene.declare(...many.map((name) => routes(name, '1s')));
  const before = sound.version(virtualHost, hostOf('app-0'));
  expect(scene.findings().length).toBeLessThanOrEqual(20);
  expect(many.filter((name) => scene.registry.heldBack(key('VirtualService', name)) !== undefined)).toEqual([]);
  await scene.declare(routes('app-0', '5s'));
  expect(sound.version(virtualHost, hostOf('app-0'))).not.toBe(before);
  expect(await scene.counters()).toMatch(/isthmus_rejections_ignored_total \d\d/);
});
