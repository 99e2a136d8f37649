// How a real Envoy spreads requests over the endpoints of a host, as its DestinationRule says.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseLocality } from '../../../discovery/model/locality.ts';
import { gateway, sidecar } from '../../support/mesh-model.ts';
import { startBackend } from './backend.ts';
import { balanceInEnvoy, meshIdentity, type Answer, type BalancingEnvoy } from './balancing-envoy.ts';
import { directly, meshOf, remotely, startBackends } from './destination-mesh.ts';

const stack = new AsyncDisposableStack();
let envoy: BalancingEnvoy;

const hashed = (consistentHash: object) => ({ trafficPolicy: { loadBalancer: { consistentHash } } });
const balanced = (loadBalancer: object) => ({ trafficPolicy: { loadBalancer } });
const distributed = (to: object, more: object = {}) =>
  balanced({ ...more, localityLbSetting: { distribute: [{ from: 'r1/*', to }] } });

beforeAll(async () => {
  const [one, two, three, four, near, zone] = await startBackends(stack, ['1', '2', '3', '4', 'near', 'zone']);
  if (!one || !two || !three || !four || !near || !zone) throw new Error('not every backend started');
  const identity = await meshIdentity();
  const far = stack.use(await startBackend('far', identity.serverTls));
  const endpoints = [one, two, three, four].map((backend) => directly(backend));
  const places = [
    directly(near, 'cluster-1/network1@r1/a'),
    directly(zone, 'cluster-1/network1@r1/b'),
    ...remotely('cluster-2/network2@r2/a', 3),
  ];
  const mesh = meshOf(
    {
      header: { endpoints, rule: hashed({ httpHeaderName: 'x-user' }) },
      maglev: { endpoints, rule: hashed({ httpHeaderName: 'x-user', maglev: {} }) },
      query: { endpoints, rule: hashed({ httpQueryParameterName: 'user' }) },
      cookie: { endpoints, rule: hashed({ httpCookie: { name: 'session', path: '/', ttl: '60s' } }) },
      source: { endpoints, rule: hashed({ useSourceIp: true }) },
      turns: { endpoints, rule: balanced({ simple: 'ROUND_ROBIN' }) },
      'turns-through-gateway': { endpoints: places, rule: balanced({ simple: 'ROUND_ROBIN' }) },
      'random-through-gateway': { endpoints: places, rule: balanced({ simple: 'RANDOM' }) },
      shared: { endpoints: places, rule: distributed({ 'r1/a': 60, 'r1/b': 10, 'r2/*': 30 }) },
      'shared-randomly': { endpoints: places, rule: distributed({ 'r1/a': 60, r2: 40 }, { simple: 'RANDOM' }) },
      nearest: { endpoints: places, rule: balanced({ localityLbSetting: { enabled: true } }) },
    },
    { gateways: [gateway('network2', 'cluster-2', '127.0.0.1', far.port)] },
  );
  const proxy = sidecar({ locality: parseLocality('r1/a') });
  envoy = stack.use(await balanceInEnvoy({ proxy, mesh, identity }));
});

afterAll(() => stack.disposeAsync());

const users = Array.from({ length: 40 }, (_, index) => `user-${String(index)}`);

/** Each of many clients comes back to its backend, and together they use more than one. */
async function expectSticky(ask: (client: string) => Promise<Answer>): Promise<void> {
  const chosen = new Set<string | undefined>();
  for (const user of users) {
    const answers = [await ask(user), await ask(user), await ask(user)];
    const backends = new Set(answers.map(({ backend }) => backend));
    expect(backends.size).toBe(1);
    for (const backend of backends) chosen.add(backend);
  }
  expect(chosen.size).toBeGreaterThan(2);
}

test.each(['header', 'maglev'])('the same header, the same endpoint: %s', async (service) => {
  await expectSticky((user) => envoy.ask(service, { headers: { 'x-user': user } }));
});

test('the same query parameter, the same endpoint', async () => {
  await expectSticky((user) => envoy.ask('query', { path: `/?page=${String(Math.random())}&user=${user}` }));
});

test('the same source address, the same endpoint', async () => {
  await expectSticky((user) => envoy.ask('source', { from: `127.0.9.${String(users.indexOf(user) + 1)}` }));
});

test('a client without a cookie is given one, and with it comes back to its endpoint', async () => {
  const chosen = new Set<string | undefined>();
  for (let client = 0; client < 20; client += 1) {
    const first = await envoy.ask('cookie', { from: `127.0.10.${String(client + 1)}` });
    const [given = ''] = first.headers['set-cookie'] ?? [];
    expect(given).toMatch(/^session="?[^";]+"?; Max-Age=60; Path=\/; HttpOnly$/);
    const [cookie = ''] = given.split(';');
    for (let again = 0; again < 3; again += 1) {
      const { backend, headers } = await envoy.ask('cookie', { headers: { cookie } });
      expect([backend, headers['set-cookie']]).toEqual([first.backend, undefined]);
    }
    chosen.add(first.backend);
  }
  expect(chosen.size).toBeGreaterThan(2);
});

test('round robin gives each endpoint its turn', async () => {
  expect(await envoy.shares('turns', 400)).toEqual({ 1: 100, 2: 100, 3: 100, 4: 100 });
});

test('a gateway gets the turns of all that stand behind it', async () => {
  const { near = 0, zone = 0, far = 0 } = await envoy.shares('turns-through-gateway', 1000);
  expect(near + zone + far).toBe(1000);
  expectAbout(near, 200, 10);
  expectAbout(zone, 200, 10);
  expectAbout(far, 600, 10);
});

test('at random, too, a gateway gets what stands behind it', async () => {
  const { near = 0, zone = 0, far = 0 } = await envoy.shares('random-through-gateway', 1000);
  expect(near + zone + far).toBe(1000);
  // Four and a half standard deviations.
  expectAbout(near, 200, 60);
  expectAbout(far, 600, 70);
});

test('places get their percentages, whether their endpoints are reached directly or through a gateway', async () => {
  const { near = 0, zone = 0, far = 0 } = await envoy.shares('shared', 1000);
  expect(near + zone + far).toBe(1000);
  expectAbout(near, 600, 10);
  expectAbout(zone, 100, 10);
  expectAbout(far, 300, 10);
});

test('a place without a percentage gets nothing', async () => {
  const { near = 0, far = 0, ...others } = await envoy.shares('shared-randomly', 1000);
  expect(others).toEqual({});
  expect(near + far).toBe(1000);
  expectAbout(far, 400, 70);
});

test('without outlier detection, too, the nearest endpoints are used when the rule asks for it', async () => {
  expect(await envoy.shares('nearest', 100)).toEqual({ near: 100 });
});

function expectAbout(count: number, wanted: number, tolerance: number): void {
  expect(count).toBeGreaterThanOrEqual(wanted - tolerance);
  expect(count).toBeLessThanOrEqual(wanted + tolerance);
}
