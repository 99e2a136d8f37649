// CUSTOM policies through a real Envoy and real authorizers: what a policy matches is asked about, and nothing else.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hostname } from '../../../discovery/model/names.ts';
import type { ExternalAuthorizer } from '../../../discovery/model/extension-provider.ts';
import {
  startGrpcAuthorizer,
  startHttpAuthorizer,
  type Authorizer,
  type GrpcQuestion,
  type HttpQuestion,
} from './external-authorizers.ts';
import { guardInEnvoy, type GuardedEnvoy } from './guarded-envoy.ts';
import { securityPolicy } from './security-policy.ts';

const cart = 'cluster.local/shop/cart';
const batch = 'cluster.local/jobs/batch';

function provider(changes: Partial<ExternalAuthorizer> & { readonly name: string }): ExternalAuthorizer {
  return {
    kind: 'ext-authz-http',
    service: hostname(`${changes.name}.ops.svc.cluster.local`),
    port: 9000,
    timeoutMs: 5000,
    failOpen: false,
    pathPrefix: '',
    requestHeaders: [],
    addedHeaders: {},
    headersToUpstreamOnAllow: [],
    headersToDownstreamOnDeny: [],
    headersToDownstreamOnAllow: [],
    ...changes,
  };
}

const extensionProviders = [
  provider({
    name: 'http',
    pathPrefix: '/check',
    requestHeaders: ['x-user', 'x-tenant-*'],
    addedHeaders: { 'x-asked-by': 'mesh' },
    headersToUpstreamOnAllow: ['x-role'],
    headersToDownstreamOnDeny: ['x-reason'],
    body: { maxBytes: 4096, allowPartial: true, asBytes: false },
  }),
  provider({ name: 'grpc', kind: 'ext-authz-grpc' }),
  provider({ name: 'gone' }),
  provider({ name: 'gone-status', statusOnError: 503 }),
  provider({ name: 'gone-open', failOpen: true }),
  provider({ name: 'unknown' }),
  provider({ name: 'unknown-grpc', kind: 'ext-authz-grpc' }),
];

let http: Authorizer<HttpQuestion>;
let grpc: Authorizer<GrpcQuestion>;
let envoy: GuardedEnvoy;

const custom = (name: string, rules: readonly object[]) =>
  securityPolicy({ action: 'CUSTOM', provider: { name }, rules }, { name: `default/${name}` });
const asked = [{ to: [{ operation: { paths: ['/asked*'] } }] }];

beforeAll(async () => {
  [http, grpc] = await Promise.all([startHttpAuthorizer(), startGrpcAuthorizer()]);
  const cluster = (name: string) => `outbound|9000||${name}.ops.svc.cluster.local`;
  const one = (name: string) => () => ({ policies: [custom(name, asked)], config: { extensionProviders } });
  envoy = await guardInEnvoy({
    workloads: {
      http: one('http'),
      grpc: one('grpc'),
      gone: one('gone'),
      'gone-status': one('gone-status'),
      'gone-open': one('gone-open'),
      unknown: one('unknown'),
      'unknown-grpc': one('unknown-grpc'),
      both: () => ({
        policies: [
          custom('http', asked),
          custom('grpc', [{ to: [{ operation: { paths: ['/grpc*', '/asked/both'] } }] }]),
          securityPolicy({ action: 'DENY', rules: [{ to: [{ operation: { paths: ['/asked/never'] } }] }] }),
        ],
        config: { extensionProviders },
      }),
      connections: () => ({
        policies: [custom('grpc', [{ from: [{ source: { principals: ['*'] } }] }])],
        config: { extensionProviders },
      }),
    },
    clusters: {
      [cluster('http')]: { port: http.port },
      [cluster('grpc')]: { port: grpc.port, h2: true },
      [cluster('gone')]: { port: 1 },
      [cluster('gone-status')]: { port: 1 },
      [cluster('gone-open')]: { port: 1 },
    },
  });
}, 60_000);

afterAll(async () => {
  await envoy[Symbol.asyncDispose]();
  await http[Symbol.asyncDispose]();
  await grpc[Symbol.asyncDispose]();
});

const ada = { 'x-user': 'ada' };

describe.each(['http', 'grpc'])('a provider asked over %s', (workload) => {
  test('lets in whom it allows, refuses the others, and is not asked about what no rule matches', async () => {
    const before = http.asked.length + grpc.asked.length;
    expect((await envoy.ask(workload, { path: '/other' })).status).toBe(200);
    expect(http.asked.length + grpc.asked.length).toBe(before);
    expect((await envoy.ask(workload, { path: '/asked', headers: ada })).status).toBe(200);
    expect((await envoy.ask(workload, { path: '/asked', headers: { 'x-user': 'eve' } })).status).toBe(
      workload === 'http' ? 418 : 403,
    );
    expect(http.asked.length + grpc.asked.length).toBe(before + 2);
  });
});

test('over HTTP it is told the headers and the body that were asked for, under its prefix', async () => {
  const headers = { ...ada, 'x-tenant-id': '7', 'x-secret': 's' };
  const answer = await envoy.ask('http', { path: '/asked?q=1', method: 'POST', headers, body: 'content' });
  const question = http.asked.at(-1);
  expect(question).toMatchObject({ method: 'POST', path: '/check/asked?q=1', body: 'content' });
  expect(question?.headers).toMatchObject({ 'x-user': 'ada', 'x-tenant-id': '7', 'x-asked-by': 'mesh' });
  expect(question?.headers['x-secret']).toBeUndefined();
  expect(answer.headers['x-role']).toBe('admin');
  expect(answer.headers['x-hidden']).toBeUndefined();
});

test('over HTTP its refusal reaches the caller with the headers that were named', async () => {
  const { status, body, responseHeaders } = await envoy.ask('http', { path: '/asked' });
  expect({ status, body }).toEqual({ status: 418, body: 'refused' });
  expect(responseHeaders['x-reason']).toBe('nobody');
  expect(responseHeaders['x-hidden']).toBeUndefined();
});

test.each([
  ['gone', 403],
  ['gone-status', 503],
  ['gone-open', 200],
  ['unknown', 403],
  ['unknown-grpc', 403],
])('a provider that can not be asked (%s): %i, and what is not asked about passes', async (workload, status) => {
  expect((await envoy.ask(workload, { path: '/asked' })).status).toBe(status);
  expect((await envoy.ask(workload, { path: '/other' })).status).toBe(200);
});

test('two providers, each about its own; both must agree; a DENY holds beside them', async () => {
  expect((await envoy.ask('both', { path: '/grpc' })).status).toBe(403);
  expect((await envoy.ask('both', { path: '/grpc', headers: ada })).status).toBe(200);
  expect((await envoy.ask('both', { path: '/asked' })).status).toBe(418);
  expect((await envoy.ask('both', { path: '/asked/both', headers: ada })).status).toBe(200);
  expect((await envoy.ask('both', { path: '/asked/never', headers: ada })).status).toBe(403);
});

describe('connections', () => {
  test('a provider over gRPC is asked with the identity of the caller', async () => {
    expect(await envoy.pass('connections', { as: cart })).toBe('echo hello');
    expect(grpc.asked.at(-1)?.principal).toBe('spiffe://cluster.local/ns/shop/sa/cart');
    expect(await envoy.pass('connections', { as: batch })).toBe('');
    expect(await envoy.pass('connections')).toBe('echo hello');
  });

  test('a provider over HTTP can not be asked: what it would be asked about is closed', async () => {
    expect(await envoy.pass('http')).toBe('');
  });
});
