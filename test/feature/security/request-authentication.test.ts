// What a RequestAuthentication says of tokens is what a real Envoy does with real ones.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { keyLocationId } from '../../../discovery/model/policies/request-authentication.ts';
import type { Manifest } from '../../support/kube-objects.ts';
import type { Asked } from './guarded-client.ts';
import { guardInEnvoy, type GuardedEnvoy, type GuardedWorkload } from './guarded-envoy.ts';
import { securityPolicy } from './security-policy.ts';
import { TokenIssuer } from './tokens.ts';

const good = new TokenIssuer('https://good.example', ['RS256', 'ES256']);
const other = new TokenIssuer('https://other.example');
/** Says that it is the good one, and has other keys. */
const forger = new TokenIssuer('https://good.example');

const authenticate = (...jwtRules: readonly Manifest[]) =>
  securityPolicy({ jwtRules }, { kind: 'RequestAuthentication', name: 'default/tokens' });
const only = (rule: Manifest) => securityPolicy({ rules: [rule] });
const goodRule = { issuer: good.issuer, jwks: good.keySet };
const otherRule = { issuer: other.issuer, jwks: other.keySet };
const jwksUri = 'https://good.example/keys';

const workloads = {
  plain: { policies: [authenticate(goodRule)] },
  audiences: { policies: [authenticate({ ...goodRule, audiences: ['web', 'shop'] })] },
  'two issuers': { policies: [authenticate(goodRule, otherRule)] },
  'two places': { policies: [authenticate(goodRule, { ...otherRule, fromHeaders: [{ name: 'x-other' }] })] },
  'two objects': {
    policies: [
      authenticate(goodRule),
      securityPolicy({ jwtRules: [otherRule] }, { kind: 'RequestAuthentication', name: 'istio-system/mesh' }),
    ],
  },
  places: {
    policies: [
      authenticate({
        ...goodRule,
        fromHeaders: [{ name: 'X-Token', prefix: 'Token ' }],
        fromParams: ['t'],
        fromCookies: ['session'],
      }),
    ],
  },
  forward: { policies: [authenticate({ ...goodRule, forwardOriginalToken: true })] },
  outputs: {
    policies: [
      authenticate({
        ...goodRule,
        outputPayloadToHeader: 'x-payload',
        outputClaimToHeaders: [
          { header: 'x-sub', claim: 'sub' },
          { header: 'x-tenant', claim: 'org.tenant' },
        ],
      }),
    ],
  },
  fetched: {
    policies: [authenticate({ issuer: good.issuer, jwksUri })],
    known: { tokenKeys: new Map([[keyLocationId({ uri: jwksUri, issuer: good.issuer }), good.keySet]]) },
  },
  unfetched: { policies: [authenticate({ issuer: good.issuer, jwksUri })] },
  broken: { policies: [authenticate({ ...goodRule, jwks: 'no JSON' })] },
  required: { policies: [authenticate(goodRule), only({ from: [{ source: { requestPrincipals: ['*'] } }] })] },
  principal: {
    policies: [
      authenticate(goodRule, otherRule),
      only({ from: [{ source: { requestPrincipals: [`${good.issuer}/ada`, `${other.issuer}/*`] } }] }),
    ],
  },
  'not principal': {
    policies: [authenticate(goodRule), only({ from: [{ source: { notRequestPrincipals: [`${good.issuer}/eve`] } }] })],
  },
  'principal condition': {
    policies: [authenticate(goodRule), only({ when: [{ key: 'request.auth.principal', values: ['*/ada'] }] })],
  },
  claim: {
    policies: [
      authenticate(goodRule),
      only({ when: [{ key: 'request.auth.claims[groups]', values: ['ops', 'dev-*'], notValues: ['dev-guest'] }] }),
    ],
  },
  'nested claim': {
    policies: [
      authenticate(goodRule),
      only({ when: [{ key: 'request.auth.claims[realm][roles]', values: ['admin'] }] }),
    ],
  },
  scope: {
    policies: [
      authenticate({ ...goodRule, spaceDelimitedClaims: ['rights'] }),
      only({
        when: [
          { key: 'request.auth.claims[scope]', values: ['read'] },
          { key: 'request.auth.claims[rights]', values: ['b'] },
        ],
      }),
    ],
  },
  audience: {
    policies: [authenticate(goodRule), only({ when: [{ key: 'request.auth.audiences', values: ['web'] }] })],
  },
  presenter: {
    policies: [authenticate(goodRule), only({ when: [{ key: 'request.auth.presenter', values: ['cli'] }] })],
  },
  'denied claim': {
    policies: [
      authenticate(goodRule),
      securityPolicy({
        action: 'DENY',
        rules: [{ when: [{ key: 'request.auth.claims[groups]', values: ['guests'] }] }],
      }),
    ],
  },
} satisfies Record<string, GuardedWorkload>;

let envoy: GuardedEnvoy;

beforeAll(async () => {
  envoy = await guardInEnvoy({
    workloads: Object.fromEntries(Object.entries(workloads).map(([name, workload]) => [name, () => workload])),
  });
}, 60_000);

afterAll(() => envoy[Symbol.asyncDispose]());

const bearer = (token: string): Asked => ({ headers: { authorization: `Bearer ${token}` } });
const hourAgo = Math.floor(Date.now() / 1000) - 3600;

type Row = readonly [what: string, workload: keyof typeof workloads, asked: () => Asked, status: number];

test.each<Row>([
  ['no token passes', 'plain', () => ({}), 200],
  ['a token under an RSA key', 'plain', () => bearer(good.token()), 200],
  ['a token under an EC key', 'plain', () => bearer(good.token({}, 'ES256')), 200],
  ['a token in the parameter access_token', 'plain', () => ({ path: `/?access_token=${good.token()}` }), 200],
  ['another authorization than a token', 'plain', () => ({ headers: { authorization: 'Basic YTpi' } }), 200],
  ['a token under another key', 'plain', () => bearer(forger.token()), 401],
  ['a token of another issuer', 'plain', () => bearer(other.token()), 401],
  ['a token that has expired', 'plain', () => bearer(good.token({ exp: hourAgo })), 401],
  ['a token that is not valid yet', 'plain', () => bearer(good.token({ nbf: hourAgo + 7200 })), 401],
  ['what is no token', 'plain', () => bearer('nonsense'), 401],
  ['a token without a signature', 'plain', () => bearer(`${good.token().split('.').slice(0, 2).join('.')}.`), 401],
  [
    'a preflight request',
    'plain',
    () => ({
      method: 'OPTIONS',
      headers: { origin: 'https://a.example', 'access-control-request-method': 'GET', authorization: 'Bearer x' },
    }),
    200,
  ],
  ['an audience of the list', 'audiences', () => bearer(good.token({ aud: ['x', 'shop'] })), 200],
  ['another audience', 'audiences', () => bearer(good.token({ aud: 'x' })), 403],
  ['no audience where one is asked for', 'audiences', () => bearer(good.token()), 403],
  ['the first of two issuers', 'two issuers', () => bearer(good.token()), 200],
  ['the second of two issuers', 'two issuers', () => bearer(other.token()), 200],
  ['neither of two issuers', 'two issuers', () => bearer(new TokenIssuer('https://third.example').token()), 401],
  ['no token for two issuers', 'two issuers', () => ({}), 200],
  ['a forged token for two issuers', 'two issuers', () => bearer(forger.token()), 401],
  [
    'a good token at each of two places',
    'two places',
    () => ({ headers: { authorization: `Bearer ${good.token()}`, 'x-other': other.token() } }),
    200,
  ],
  ['a good token at one of two places', 'two places', () => ({ headers: { 'x-other': other.token() } }), 200],
  [
    'a bad token beside a good one',
    'two places',
    () => ({ headers: { authorization: `Bearer ${good.token()}`, 'x-other': forger.token() } }),
    401,
  ],
  [
    'a good token beside a bad one',
    'two places',
    () => ({ headers: { authorization: `Bearer ${forger.token()}`, 'x-other': other.token() } }),
    401,
  ],
  ['an issuer of the one object', 'two objects', () => bearer(good.token()), 200],
  ['an issuer of the other object', 'two objects', () => bearer(other.token()), 200],
  ['a token in a header with a prefix', 'places', () => ({ headers: { 'x-token': `Token ${good.token()}` } }), 200],
  ['a bad token in that header', 'places', () => ({ headers: { 'x-token': `Token ${forger.token()}` } }), 401],
  ['a bad token in a parameter', 'places', () => ({ path: `/?t=${forger.token()}` }), 401],
  ['a good token in a parameter', 'places', () => ({ path: `/?t=${good.token()}` }), 200],
  ['a good token in a cookie', 'places', () => ({ headers: { cookie: `a=b; session=${good.token()}` } }), 200],
  ['a bad token in a cookie', 'places', () => ({ headers: { cookie: `session=${forger.token()}` } }), 401],
  ['a bad token where none is looked for', 'places', () => bearer(forger.token()), 200],
  ['keys that the control plane fetched', 'fetched', () => bearer(good.token()), 200],
  ['keys that were fetched, and a forged token', 'fetched', () => bearer(forger.token()), 401],
  ['keys that were never fetched', 'unfetched', () => bearer(good.token()), 401],
  ['keys that were never fetched, and no token', 'unfetched', () => ({}), 200],
  ['an object that can not be expressed, and a token', 'broken', () => bearer(good.token()), 401],
  ['an object that can not be expressed, and none', 'broken', () => ({}), 200],
  ['a token where one is required', 'required', () => bearer(good.token()), 200],
  ['no token where one is required', 'required', () => ({}), 403],
  ['a bad token where one is required', 'required', () => bearer(forger.token()), 401],
  ['the principal that is asked for', 'principal', () => bearer(good.token()), 200],
  ['another subject', 'principal', () => bearer(good.token({ sub: 'eve' })), 403],
  ['any subject of an issuer', 'principal', () => bearer(other.token({ sub: 'anybody' })), 200],
  ['a principal that is excluded', 'not principal', () => bearer(good.token({ sub: 'eve' })), 403],
  ['one that is not', 'not principal', () => bearer(good.token()), 200],
  ['nobody, who is not excluded', 'not principal', () => ({}), 200],
  ['a principal by its end', 'principal condition', () => bearer(good.token()), 200],
  ['another one', 'principal condition', () => bearer(good.token({ sub: 'eve' })), 403],
  ['a claim with that text', 'claim', () => bearer(good.token({ groups: 'ops' })), 200],
  ['a list of which one fits', 'claim', () => bearer(good.token({ groups: ['x', 'dev-a'] })), 200],
  ['a list of which one is excluded', 'claim', () => bearer(good.token({ groups: ['ops', 'dev-guest'] })), 403],
  ['another claim', 'claim', () => bearer(good.token({ groups: ['x'] })), 403],
  ['no such claim', 'claim', () => bearer(good.token()), 403],
  ['a nested claim', 'nested claim', () => bearer(good.token({ realm: { roles: ['admin'] } })), 200],
  ['another nested claim', 'nested claim', () => bearer(good.token({ realm: { roles: ['user'] } })), 403],
  ['words of a scope', 'scope', () => bearer(good.token({ scope: 'write read', rights: 'a b' })), 200],
  ['other words', 'scope', () => bearer(good.token({ scope: 'reader', rights: 'a b' })), 403],
  ['the audience that is asked for', 'audience', () => bearer(good.token({ aud: ['a', 'web'] })), 200],
  ['another audience than is asked for', 'audience', () => bearer(good.token({ aud: 'a' })), 403],
  ['the presenter', 'presenter', () => bearer(good.token({ azp: 'cli' })), 200],
  ['another presenter', 'presenter', () => bearer(good.token({ azp: 'x' })), 403],
  ['a claim that is denied', 'denied claim', () => bearer(good.token({ groups: ['guests'] })), 403],
  ['one that is not denied', 'denied claim', () => bearer(good.token({ groups: ['staff'] })), 200],
])('%s (%s)', async (_what, workload, asked, status) => {
  expect((await envoy.ask(workload, asked())).status).toBe(status);
});

describe('what reaches the application', () => {
  test('is no token, unless it is to be forwarded', async () => {
    const token = good.token();
    expect((await envoy.ask('plain', bearer(token))).headers.authorization).toBeUndefined();
    expect((await envoy.ask('forward', bearer(token))).headers.authorization).toBe(`Bearer ${token}`);
  });

  test('is the payload and the claims in the headers that were named', async () => {
    const { headers } = await envoy.ask('outputs', bearer(good.token({ org: { tenant: 'blue' } })));
    expect(headers).toMatchObject({ 'x-sub': 'ada', 'x-tenant': 'blue' });
    expect(JSON.parse(Buffer.from(String(headers['x-payload']), 'base64url').toString())).toMatchObject({ sub: 'ada' });
  });

  test('is nothing that the caller claims about itself in those headers', async () => {
    const { headers } = await envoy.ask('outputs', {
      headers: { 'x-payload': 'forged', 'x-sub': 'root', 'x-tenant': 'all' },
    });
    expect([headers['x-payload'], headers['x-sub'], headers['x-tenant']]).toEqual([undefined, undefined, undefined]);
  });
});
