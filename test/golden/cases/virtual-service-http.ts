import { hostname } from '../../../discovery/model/names.ts';
import { httpMatch, httpRoute, mesh, service, sidecar, virtualService } from '../../support/mesh-model.ts';
import type { GoldenCase } from '../golden.ts';

const reviews = 'reviews.default.svc.cluster.local';
const ratings = 'ratings.default.svc.cluster.local';
const prefix = (value: string) => ({ kind: 'prefix', value }) as const;

export const golden: GoldenCase = {
  shows:
    'Mirrors, faults, CORS, a regex rewrite, retry details, a derived redirect port, bytes, statistics, and routes of a delegate.',
  proxy: sidecar(),
  mesh: mesh({
    services: [
      service('reviews', ['http:9080'], { addresses: { 'cluster-1': ['10.96.0.30'] } }),
      service('ratings', ['http:9080'], { addresses: { 'cluster-1': ['10.96.0.31'] } }),
    ],
    policies: [
      virtualService(
        'reviews',
        [reviews],
        [
          httpRoute([reviews], {
            name: 'copied',
            matches: [httpMatch({ name: 'all', uri: prefix('/copied'), statPrefix: 'copied' })],
            mirrors: [
              { destination: { host: hostname(ratings) }, percent: 0.5 },
              { destination: { host: hostname('nowhere.example.com'), port: 80 }, percent: 100 },
            ],
          }),
          httpRoute([reviews], {
            name: 'faulty',
            matches: [httpMatch({ uri: prefix('/faulty') })],
            fault: { delay: { percent: 0.1, fixedDelayMs: 5_000 }, abort: { percent: 1, httpStatus: 503 } },
          }),
          httpRoute([reviews], {
            name: 'faulty-grpc',
            matches: [httpMatch({ uri: prefix('/faulty-grpc') })],
            fault: { abort: { percent: 100, grpcStatus: 14 } },
          }),
          httpRoute([reviews], {
            name: 'shared',
            matches: [httpMatch({ uri: prefix('/shared') })],
            cors: {
              allowOrigins: [
                { kind: 'exact', value: 'https://a.example' },
                prefix('https://b'),
                { kind: 'regex', value: 'https://[cd]' },
              ],
              allowMethods: ['GET', 'PUT'],
              allowHeaders: ['x-a'],
              exposeHeaders: ['x-b'],
              maxAgeSeconds: 3600,
              allowCredentials: false,
              unmatchedPreflights: 'forward',
            },
          }),
          httpRoute([ratings], {
            name: 'rewritten',
            matches: [httpMatch({ uri: prefix('/swap/') })],
            rewrite: { uriRegex: { match: '^/swap/([^/]+)/(.*)', rewrite: String.raw`/\2/\1` } },
            retries: {
              attempts: 3,
              retryOn: '5xx',
              backoffMs: 100,
              remoteLocalities: true,
              ignorePreviousHosts: false,
            },
          }),
          httpRoute([], {
            name: 'redirected',
            matches: [httpMatch({ uri: prefix('/moved') })],
            redirect: { scheme: 'https', derivePort: 'from-request-port', redirectCode: 308 },
          }),
          httpRoute([], {
            name: 'default-port',
            matches: [httpMatch({ uri: prefix('/default') })],
            redirect: { scheme: 'https', derivePort: 'from-protocol-default', redirectCode: 303 },
          }),
          httpRoute([], {
            name: 'bytes',
            matches: [httpMatch({ uri: prefix('/bytes') })],
            directResponse: { status: 200, bodyBytes: Buffer.from([0, 255]) },
          }),
          httpRoute([], {
            name: 'team',
            matches: [httpMatch({ uri: prefix('/team/'), headers: [{ name: 'x-team', match: { kind: 'present' } }] })],
            delegate: { name: 'team', namespace: 'team' },
            timeoutMs: 2_000,
          }),
        ],
      ),
      virtualService(
        'team/team',
        [],
        [
          httpRoute([ratings], { name: 'ratings', matches: [httpMatch({ uri: prefix('/team/ratings') })] }),
          httpRoute([ratings], { name: 'outside', matches: [httpMatch({ uri: prefix('/outside') })] }),
          httpRoute(['missing.example.com'], { name: 'rest', timeoutMs: 3_000 }),
        ],
      ),
      virtualService('younger', [reviews], [httpRoute([ratings])], { createdAtMs: 2 }),
      virtualService('outside', ['www.example.org'], [httpRoute([ratings])]),
    ],
  }),
};
