// What a VirtualService declares is what a real Envoy does.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  destinationRule,
  httpMatch,
  httpRoute,
  mesh,
  service,
  sidecar,
  virtualService,
} from '../../support/mesh-model.ts';
import { routeInEnvoy, type RoutingEnvoy } from './route-in-envoy.ts';

const reviews = 'reviews.default.svc.cluster.local';
const ratings = 'ratings.default.svc.cluster.local';
const canary = 'canary.default.svc.cluster.local';
const strict = 'strict.default.svc.cluster.local';
const prefix = (value: string) => ({ kind: 'prefix', value }) as const;
const exact = (value: string) => ({ kind: 'exact', value }) as const;
const nothing = { set: {}, add: {}, remove: [] };

const snapshot = mesh({
  config: { outboundTrafficPolicy: 'registry-only' },
  services: [
    service('reviews', ['http:80'], { addresses: { 'cluster-1': ['10.96.0.30'] } }),
    service('ratings', ['http:80', 'http-alt:81'], { addresses: { 'cluster-1': ['10.96.0.31'] } }),
    service('canary', ['http:80'], { addresses: { 'cluster-1': ['10.96.0.32'] } }),
    service('strict', ['http:80'], { addresses: { 'cluster-1': ['10.96.0.33'] } }),
  ],
  policies: [
    virtualService('strict', [strict], [httpRoute([strict], { matches: [httpMatch({ uri: exact('/only') })] })]),
    destinationRule('canary', canary, {
      subsets: ['v1', 'v2'].map((version) => ({ name: version, labels: { version }, trafficPolicy: {} })),
    }),
    virtualService('canary', [canary], [httpRoute([`${canary}/v1=90`, `${canary}/v2=10`])]),
    virtualService(
      'reviews',
      [reviews],
      [
        httpRoute([`${ratings}:81`], {
          matches: [httpMatch({ uri: prefix('/ratings/') })],
          rewrite: { uri: '/', authority: 'ratings.example.com' },
        }),
        httpRoute([ratings], { matches: [httpMatch({ uri: { kind: 'regex', value: '/v[0-9]+/.*' } })] }),
        httpRoute([ratings], { matches: [httpMatch({ uri: exact('/CASE'), ignoreUriCase: true })] }),
        httpRoute([ratings], { matches: [httpMatch({ method: exact('POST'), uri: prefix('/write') })] }),
        httpRoute([ratings], {
          matches: [httpMatch({ headers: [{ name: 'x-user', match: exact('jason') }], uri: prefix('/user') })],
        }),
        httpRoute([ratings], {
          matches: [httpMatch({ withoutHeaders: [{ name: 'x-tier', match: exact('free') }], uri: prefix('/paid') })],
        }),
        httpRoute([ratings], {
          matches: [httpMatch({ queryParams: [{ name: 'debug', match: exact('1') }], uri: prefix('/query') })],
        }),
        httpRoute([ratings], { matches: [httpMatch({ uri: prefix('/app(1)') })], rewrite: { uri: '/' } }),
        httpRoute([ratings], { matches: [httpMatch({ uri: prefix('/here') })], rewrite: { uri: '/there' } }),
        httpRoute([], {
          matches: [httpMatch({ uri: prefix('/old') })],
          redirect: { uri: '/new', authority: 'new.example.com', redirectCode: 307 },
        }),
        httpRoute([], {
          matches: [httpMatch({ uri: prefix('/teapot') })],
          directResponse: { status: 418, body: 'short and stout' },
        }),
        httpRoute([`${ratings}=0`], { matches: [httpMatch({ uri: prefix('/weightless') })] }),
        httpRoute(['nowhere.default.svc.cluster.local'], { matches: [httpMatch({ uri: prefix('/nowhere') })] }),
        httpRoute([reviews], {
          headers: {
            request: { set: { 'x-share': '50%' }, add: { 'x-seen': 'yes' }, remove: ['x-secret'] },
            response: { ...nothing, set: { 'x-from': 'reviews' } },
          },
        }),
      ],
    ),
  ],
});

let envoy: RoutingEnvoy;
beforeAll(async () => {
  envoy = await routeInEnvoy(sidecar(), snapshot, 80);
});
afterAll(async () => envoy[Symbol.asyncDispose]());

const cluster = (host: string, port = 80, subset = '') => `outbound|${port}|${subset}|${host}`;
const reached = async (path: string, more: { method?: string; headers?: Record<string, string> } = {}) => {
  const answer = await envoy.ask({ host: 'reviews', path, ...more });
  return answer.cluster;
};

describe('a host', () => {
  test.each([
    'ratings',
    'ratings.default',
    'ratings.default.svc',
    ratings,
    '10.96.0.31',
    'ratings:80',
    `${ratings}:80`,
  ])('is found as %s', async (host) => {
    expect(await envoy.ask({ host })).toMatchObject({ status: 200, cluster: cluster(ratings) });
  });

  test('that is no service is refused where only known ones may be called', async () => {
    expect(await envoy.ask({ host: 'www.example.com' })).toMatchObject({ status: 502, cluster: undefined });
  });
});

describe('a match', () => {
  test('on a prefix is rewritten, with the authority', async () => {
    expect(await envoy.ask({ host: 'reviews', path: '/ratings/7?x=1' })).toMatchObject({
      cluster: cluster(ratings, 81),
      path: '/7?x=1',
      headers: { host: 'ratings.example.com' },
    });
  });

  test.each([
    ['/app(1)/page?x=/app(1)', '/page?x=/app(1)'],
    ['/app(1)', '/'],
    ['/app(1)/', '/'],
    ['/here/page', '/there/page'],
  ])('on a prefix turns %s into %s', async (path, rewritten) => {
    expect(await envoy.ask({ host: 'reviews', path })).toMatchObject({ cluster: cluster(ratings), path: rewritten });
  });

  test('on a regular expression, and on a path in any case', async () => {
    expect(await reached('/v2/x')).toBe(cluster(ratings));
    expect(await reached('/vx/x')).toBe(cluster(reviews));
    expect(await reached('/case')).toBe(cluster(ratings));
  });

  test('on the method, a header, a header that is missing and a query parameter', async () => {
    expect(await reached('/write', { method: 'POST' })).toBe(cluster(ratings));
    expect(await reached('/write')).toBe(cluster(reviews));
    expect(await reached('/user', { headers: { 'x-user': 'jason' } })).toBe(cluster(ratings));
    expect(await reached('/user', { headers: { 'x-user': 'other' } })).toBe(cluster(reviews));
    expect(await reached('/paid')).toBe(cluster(ratings));
    expect(await reached('/paid', { headers: { 'x-tier': 'gold' } })).toBe(cluster(ratings));
    expect(await reached('/paid', { headers: { 'x-tier': 'free' } })).toBe(cluster(reviews));
    expect(await reached('/query?debug=1')).toBe(cluster(ratings));
    expect(await reached('/query?debug=2')).toBe(cluster(reviews));
  });

  test('that nothing has is answered with 404', async () => {
    expect(await envoy.ask({ host: 'strict', path: '/only' })).toMatchObject({ status: 200 });
    expect(await envoy.ask({ host: 'strict', path: '/other' })).toMatchObject({ status: 404, cluster: undefined });
  });
});

describe('an action', () => {
  test('redirects', async () => {
    const answer = await envoy.ask({ host: 'reviews', path: '/old/page' });
    expect(answer).toMatchObject({ status: 307, location: 'http://new.example.com/new' });
  });

  test('answers by itself', async () => {
    expect(await envoy.ask({ host: 'reviews', path: '/teapot' })).toMatchObject({
      status: 418,
      body: 'short and stout',
    });
  });

  test('to a service that does not exist is answered with 503', async () => {
    expect(await envoy.ask({ host: 'reviews', path: '/nowhere' })).toMatchObject({ status: 503 });
  });

  test('whose destinations all have no weight is answered with 503', async () => {
    expect(await envoy.ask({ host: 'reviews', path: '/weightless' })).toMatchObject({ status: 503 });
  });

  test('changes headers both ways', async () => {
    const answer = await envoy.ask({ host: 'reviews', headers: { 'x-secret': '1', 'x-share': '1' } });
    expect(answer.headers).toMatchObject({ 'x-share': '50%', 'x-seen': 'yes' });
    expect(answer.headers['x-secret']).toBeUndefined();
    expect(answer.responseHeaders['x-from']).toBe('reviews');
  });
});

test('a tenth goes to the canary, within two points', async () => {
  const asked: (string | undefined)[] = [];
  // Envoy draws at random: of four thousand requests two points are more than four standard deviations.
  for (let round = 0; round < 40; round += 1) {
    const answers = await Promise.all(Array.from({ length: 100 }, () => envoy.ask({ host: 'canary' })));
    asked.push(...answers.map((answer) => answer.cluster));
  }
  const share = (subset: string) => (asked.filter((name) => name === cluster(canary, 80, subset)).length * 100) / 4000;
  expect(share('v1') + share('v2')).toBe(100);
  expect(Math.abs(share('v2') - 10)).toBeLessThan(2);
});
