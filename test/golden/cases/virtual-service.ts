import { httpMatch, httpRoute, mesh, service, sidecar, virtualService } from '../../support/mesh-model.ts';
import type { GoldenCase } from '../golden.ts';

const reviews = 'reviews.default.svc.cluster.local';
const ratings = 'ratings.default.svc.cluster.local';
const nothing = { set: {}, add: {}, remove: [] };

export const golden: GoldenCase = {
  shows: 'Every kind of HTTP match and action; destinations that do not exist are reported and get 503.',
  proxy: sidecar(),
  mesh: mesh({
    services: [
      service('reviews', ['http:9080'], { addresses: { 'cluster-1': ['10.96.0.30'] } }),
      service('ratings', ['http:9080', 'http-alt:9081'], { addresses: { 'cluster-1': ['10.96.0.31'] } }),
    ],
    policies: [
      virtualService(
        'reviews',
        [reviews],
        [
          httpRoute([reviews], {
            name: 'exact',
            matches: [
              httpMatch({ uri: { kind: 'exact', value: '/healthz' }, ignoreUriCase: true }),
              httpMatch({ uri: { kind: 'regex', value: '/api/v[12]/.*' }, method: { kind: 'exact', value: 'GET' } }),
            ],
            timeoutMs: 1500,
            retries: { attempts: 0, retryOn: '' },
          }),
          httpRoute([`${ratings}:9081`], {
            name: 'rewritten',
            matches: [
              httpMatch({
                uri: { kind: 'prefix', value: '/ratings' },
                scheme: { kind: 'exact', value: 'http' },
                authority: { kind: 'prefix', value: 'reviews' },
                headers: [
                  { name: 'x-debug', match: { kind: 'present' } },
                  { name: 'x-user', match: { kind: 'exact', value: 'jason' } },
                ],
                withoutHeaders: [
                  { name: 'x-bot', match: { kind: 'present' } },
                  { name: 'x-tier', match: { kind: 'regex', value: 'free|trial' } },
                ],
                queryParams: [{ name: 'debug', match: { kind: 'exact', value: 'true' } }],
              }),
            ],
            rewrite: { uri: '/', authority: 'ratings.example.com' },
            retries: { attempts: 3, perTryTimeoutMs: 250, retryOn: '5xx,connect-failure,429' },
            headers: {
              request: {
                set: { 'x-share': '50%', host: 'ignored.example.com' },
                add: { 'x-seen': 'yes' },
                remove: ['cookie'],
              },
              response: { set: { 'x-from': '%UPSTREAM_HOST%' }, add: {}, remove: ['server'] },
            },
          }),
          httpRoute([], {
            name: 'redirected',
            matches: [httpMatch({ uri: { kind: 'prefix', value: '/old' } })],
            redirect: { uri: '/new', authority: 'new.example.com', redirectCode: 302 },
          }),
          httpRoute([], {
            name: 'answered',
            matches: [httpMatch({ uri: { kind: 'prefix', value: '/teapot' } })],
            directResponse: { status: 418, body: 'short and stout' },
          }),
          httpRoute([reviews], { name: 'other port', matches: [httpMatch({ port: 9999 })] }),
          httpRoute([reviews], { name: 'other source', matches: [httpMatch({ sourceLabels: { app: 'web' } })] }),
          httpRoute([ratings], {
            name: 'from sleep',
            matches: [httpMatch({ sourceLabels: { app: 'sleep' }, uri: { kind: 'prefix', value: '/sleep' } })],
          }),
          httpRoute([`${reviews}/v9=1`, 'nowhere.default.svc.cluster.local=1', `${ratings}:1=2`, `${ratings}=0`], {
            name: 'rest',
            headers: { request: { ...nothing, set: { ':authority': 'rest.example.com' } }, response: nothing },
          }),
          httpRoute([ratings], { name: 'never reached' }),
        ],
      ),
    ],
  }),
};
