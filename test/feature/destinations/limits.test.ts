// A real Envoy keeps the limits of a DestinationRule: connections, requests that wait or are under way, and second attempts.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { httpRoute, sidecar, virtualService } from '../../support/mesh-model.ts';
import { waitFor } from '../../support/wait-for.ts';
import type { Backend } from './backend.ts';
import { balanceInEnvoy, type Answer, type BalancingEnvoy } from './balancing-envoy.ts';
import { directly, meshOf, startBackends } from './destination-mesh.ts';

const stack = new AsyncDisposableStack();
const backends = new Map<string, Backend>();
let envoy: BalancingEnvoy;

const names = ['queue', 'busy', 'free', 'short', 'budget', 'spender'];

beforeAll(async () => {
  for (const one of await startBackends(stack, names)) backends.set(one.name, one);
  const limited = (name: string, trafficPolicy: object) => ({
    [name]: { endpoints: [directly(backend(name))], rule: { trafficPolicy } },
  });
  const pool = (name: string, connectionPool: object) => limited(name, { connectionPool });
  const hostOf = (name: string): string => `${name}.default.svc.cluster.local`;
  const mesh = meshOf(
    {
      ...pool('queue', { tcp: { maxConnections: 1 }, http: { http1MaxPendingRequests: 1 } }),
      ...pool('busy', { http: { http2MaxRequests: 2 } }),
      ...pool('short', { http: { maxRequestsPerConnection: 1 } }),
      ...limited('budget', { retryBudget: { percent: 0, minRetryConcurrency: 0 } }),
      free: { endpoints: [directly(backend('free'))] },
      spender: { endpoints: [directly(backend('spender'))] },
    },
    {
      policies: ['budget', 'spender'].map((name) =>
        virtualService(name, [hostOf(name)], [httpRoute([hostOf(name)], { retries: { attempts: 2, retryOn: '5xx' } })]),
      ),
    },
  );
  envoy = stack.use(await balanceInEnvoy({ proxy: sidecar(), mesh }));
});

afterAll(() => stack.disposeAsync());

function backend(name: string): Backend {
  const found = backends.get(name);
  if (found === undefined) throw new Error(`no backend ${name}`);
  return found;
}

const overflow = { status: 503, flags: 'UO', backend: undefined };

test('one connection, one request that waits for it: the next is turned away', async () => {
  const both = [hold('queue'), hold('queue')];
  await waitFor(
    async () => [backend('queue').held, await envoy.stat('queue', 'upstream_rq_pending_active')],
    ([held, pending]) => held === 1 && pending === 1,
    { what: 'one request with the endpoint and one that waits' },
  );
  expect(await envoy.ask('queue')).toMatchObject(overflow);
  expect(await envoy.stat('queue', 'upstream_cx_active')).toBe(1);
  expect(await releaseAll('queue', both)).toEqual([200, 200]);
});

test('no more requests at once than the rule says', async () => {
  const both = [hold('busy'), hold('busy')];
  await waitFor(
    () => backend('busy').held,
    (held) => held === 2,
    { what: 'two requests with the endpoint' },
  );
  expect(await envoy.ask('busy')).toMatchObject(overflow);
  expect(await releaseAll('busy', both)).toEqual([200, 200]);
  expect((await envoy.ask('busy')).status).toBe(200);
});

test('without a rule there is no limit', async () => {
  const many = Array.from({ length: 40 }, () => hold('free'));
  await waitFor(
    () => backend('free').held,
    (held) => held === 40,
    { what: 'forty requests with the endpoint' },
  );
  expect(new Set(await releaseAll('free', many))).toEqual(new Set([200]));
});

test('a connection is closed after as many requests as the rule says', async () => {
  await envoy.shares('short', 5);
  expect(await envoy.stat('short', 'upstream_cx_total')).toBe(5);
  await envoy.shares('free', 5);
  expect(await envoy.stat('free', 'upstream_cx_total')).toBeLessThanOrEqual(41);
});

test('second attempts end with their budget', async () => {
  for (const name of ['budget', 'spender']) {
    backend(name).status = 500;
    expect((await envoy.ask(name)).status).toBe(500);
  }
  expect([backend('spender').requests, backend('budget').requests]).toEqual([3, 1]);
  expect(await envoy.stat('budget', 'upstream_rq_retry_overflow')).toBe(1);
});

function hold(service: string): Promise<Answer> {
  return envoy.ask(service, { headers: { 'x-hold': 'yes' } });
}

/** Answers the requests, one after the other as they come to the endpoint. */
async function releaseAll(name: string, asked: readonly Promise<Answer>[]): Promise<readonly number[]> {
  let isOver = false;
  const statuses = Promise.all(asked).then((answers) => answers.map(({ status }) => status));
  const over = statuses.finally(() => {
    isOver = true;
  });
  await waitFor(
    () => backend(name).release(),
    () => isOver,
    { what: 'answers to all requests', intervalMs: 10 },
  );
  return over;
}
