// What an AuthorizationPolicy says is what a real Envoy does: one workload a row, each request with the status that it must get. A
// refused request got 403; a TCP connection that got no answer was closed.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Manifest } from '../../support/kube-objects.ts';
import type { Asked } from './guarded-client.ts';
import { guardInEnvoy, type GuardedEnvoy, type Ports } from './guarded-envoy.ts';
import { securityPolicy, type SecurityPolicyOptions } from './security-policy.ts';

type Declared = readonly [spec: Manifest, options?: SecurityPolicyOptions | undefined];

interface Row {
  readonly policies: (ports: Ports) => readonly Declared[];
  readonly labels?: Readonly<Record<string, string>>;
  readonly allowed?: readonly Asked[];
  readonly denied?: readonly Asked[];
  /** Over TCP. */
  readonly passes?: readonly Asked[];
  readonly closed?: readonly Asked[];
}

const cart = 'mesh.example/shop/cart';
const web = 'mesh.example/shop/web';
const batch = 'mesh.example/jobs/batch';
const oldCart = 'old.example/shop/cart';
const config = { trustDomain: 'mesh.example', trustDomainAliases: ['old.example'] };

const allow = (rule: Manifest, options?: SecurityPolicyOptions): Declared => [{ rules: [rule] }, options];
const deny = (rule: Manifest, options?: SecurityPolicyOptions): Declared => [
  { action: 'DENY', rules: [rule] },
  { name: 'default/deny', ...options },
];
const from = (source: Manifest): Manifest => ({ from: [{ source }] });
const to = (operation: Manifest): Manifest => ({ to: [{ operation }] });
const when = (key: string, values: Manifest): Manifest => ({ when: [{ key, ...values }] });

const rows: Readonly<Record<string, Row>> = {
  'no policy: everybody': { policies: () => [], allowed: [{}, { as: cart }], passes: [{}, { as: cart }] },
  'an ALLOW without rules: nobody': { policies: () => [[{}]], denied: [{}, { as: cart }], closed: [{}, { as: cart }] },
  'an ALLOW with an empty rule: everybody': { policies: () => [allow({})], allowed: [{}, { as: cart }], passes: [{}] },
  'a DENY without rules: everybody': { policies: () => [[{ action: 'DENY' }]], allowed: [{}], passes: [{}] },
  'a DENY with an empty rule: nobody': { policies: () => [deny({})], denied: [{}, { as: cart }], closed: [{}] },
  'DENY goes before ALLOW': {
    policies: () => [allow({}), deny(to({ paths: ['/secret'] }))],
    allowed: [{ path: '/open' }],
    denied: [{ path: '/secret' }, { path: '/secret?x=1' }],
  },
  'one of several ALLOW policies is enough': {
    policies: () => [allow(to({ paths: ['/a'] })), allow(to({ paths: ['/b'] }), { name: 'default/second' })],
    allowed: [{ path: '/a' }, { path: '/b' }],
    denied: [{ path: '/c' }],
  },
  'principals: exact, prefix, suffix': {
    policies: () => [
      [{ rules: [from({ principals: ['mesh.example/ns/shop/sa/cart'] }), from({ principals: ['*/sa/batch'] })] }],
    ],
    allowed: [{ as: cart }, { as: batch }],
    denied: [{}, { as: web }, { as: oldCart }],
    passes: [{ as: cart }],
    closed: [{}, { as: web }],
  },
  'principals: cluster.local stands for the trust domain': {
    policies: () => [allow(from({ principals: ['cluster.local/ns/shop/*'] }))],
    allowed: [{ as: cart }, { as: web }],
    denied: [{}, { as: batch }, { as: oldCart }],
  },
  'principals: an alias counts when that is asked for': {
    policies: () => [
      allow(from({ principals: ['mesh.example/ns/shop/sa/cart'] }), {
        annotations: { 'isthmus.io/trust-domain-aliases': 'true' },
      }),
    ],
    allowed: [{ as: cart }, { as: oldCart }],
    denied: [{ as: web }],
  },
  'principals: an alias by its own name': {
    policies: () => [allow(from({ principals: ['old.example/ns/shop/sa/cart'] }))],
    allowed: [{ as: oldCart }],
    denied: [{ as: cart }],
  },
  'principals: a star is anybody with a certificate': {
    policies: () => [allow(from({ principals: ['*'] }))],
    allowed: [{ as: cart }],
    denied: [{}],
    passes: [{ as: cart }],
    closed: [{}],
  },
  'notPrincipals: whoever has none as well': {
    policies: () => [deny(from({ notPrincipals: ['mesh.example/ns/shop/sa/cart'] }))],
    allowed: [{ as: cart }],
    denied: [{}, { as: web }],
    passes: [{ as: cart }],
    closed: [{}, { as: web }],
  },
  'namespaces and notNamespaces': {
    policies: () => [allow(from({ namespaces: ['sh*', '*obs'], notNamespaces: ['jobs'] }))],
    allowed: [{ as: cart }],
    denied: [{}, { as: batch }],
    passes: [{ as: cart }],
    closed: [{ as: batch }],
  },
  'serviceAccounts, of the own namespace when none is named': {
    policies: () => [allow(from({ serviceAccounts: ['shop/cart', 'own'] }))],
    allowed: [{ as: cart }, { as: 'mesh.example/default/own' }],
    denied: [{}, { as: web }, { as: 'mesh.example/shop/own' }],
  },
  notServiceAccounts: {
    policies: () => [allow(from({ notServiceAccounts: ['shop/cart'] }))],
    allowed: [{ as: web }, {}],
    denied: [{ as: cart }],
  },
  'ipBlocks: the address of the connection, whatever headers say': {
    policies: () => [allow(from({ ipBlocks: ['192.0.2.0/24'] }))],
    denied: [{}, { headers: { 'x-forwarded-for': '192.0.2.7' } }],
    closed: [{}],
  },
  'ipBlocks with notIpBlocks': {
    policies: () => [allow(from({ ipBlocks: ['127.0.0.0/8'], notIpBlocks: ['127.0.0.2', '::1'] }))],
    allowed: [{}],
    passes: [{}],
  },
  remoteIpBlocks: {
    policies: () => [allow(from({ remoteIpBlocks: ['127.0.0.1'] }))],
    allowed: [{}],
    passes: [{}],
  },
  notRemoteIpBlocks: {
    policies: () => [deny(from({ notRemoteIpBlocks: ['127.0.0.0/8'] }))],
    allowed: [{}],
    passes: [{}],
  },
  'sources of one rule: one is enough; fields of one source: all': {
    policies: () => [
      allow({
        from: [{ source: { namespaces: ['jobs'] } }, { source: { namespaces: ['shop'], principals: ['*/cart'] } }],
      }),
    ],
    allowed: [{ as: batch }, { as: cart }],
    denied: [{ as: web }],
  },
  'methods and notMethods': {
    policies: () => [allow(to({ methods: ['GET', 'P*'], notMethods: ['PATCH'] }))],
    allowed: [{}, { method: 'POST' }],
    denied: [{ method: 'DELETE' }, { method: 'PATCH' }],
    closed: [{}],
  },
  'hosts in any case, and patterns': {
    policies: () => [
      allow(to({ hosts: ['Web.example.org', '*.apps.example', 'port.example:*'], notHosts: ['no.apps.example'] })),
    ],
    allowed: [{ host: 'web.EXAMPLE.org' }, { host: 'a.apps.example' }, { host: 'port.example:81' }],
    denied: [{ host: 'other.org' }, { host: 'no.apps.example' }],
  },
  'paths: exact, prefix, suffix, any': {
    policies: () => [allow(to({ paths: ['/exact', '/pre/*', '*.txt'], notPaths: ['/pre/not*'] }))],
    allowed: [{ path: '/exact' }, { path: '/exact?a=b' }, { path: '/pre/x' }, { path: '/a/b.txt' }],
    denied: [{ path: '/exact/' }, { path: '/pre' }, { path: '/pre/not-this' }, { path: '/x?y=/exact' }],
  },
  'paths are compared as they are after dots and slashes were resolved': {
    policies: () => [deny(to({ paths: ['/admin*'] }))],
    allowed: [{ path: '/' }],
    denied: [{ path: '/x/../admin' }, { path: '/./admin' }, { path: '/%61dmin' }],
  },
  'path templates': {
    policies: () => [allow(to({ paths: ['/items/{*}/parts/{**}', '/one/{*}'] }))],
    allowed: [
      { path: '/items/7/parts/a/b' },
      { path: '/items/7/parts/' },
      { path: '/one/x' },
      { path: '/one/a=b?c=d' },
      { path: '/one/a%20b' },
    ],
    denied: [{ path: '/items/parts/a' }, { path: '/one/' }, { path: '/one/x/y' }, { path: '/items/7/8/parts/a' }],
  },
  'a DENY by a path template holds for every character of a segment': {
    policies: () => [deny(to({ paths: ['/one/{*}'] }))],
    allowed: [{ path: '/one' }, { path: '/one/x/y' }],
    denied: [{ path: '/one/a=b' }, { path: '/one/a*b' }, { path: '/one/[x]' }, { path: '/one/a;b' }],
  },
  'ports: those of the workload': {
    policies: ({ http }) => [allow(to({ ports: [`${http}`] }))],
    allowed: [{}],
    closed: [{}],
  },
  notPorts: {
    policies: ({ http }) => [allow(to({ notPorts: [`${http}`] }))],
    denied: [{}],
    passes: [{}],
  },
  'operations of one rule: one is enough; fields of one operation: all': {
    policies: () => [
      allow({ to: [{ operation: { paths: ['/a'], methods: ['GET'] } }, { operation: { paths: ['/b'] } }] }),
    ],
    allowed: [{ path: '/a' }, { path: '/b', method: 'POST' }],
    denied: [{ path: '/a', method: 'POST' }],
  },
  'request.headers': {
    policies: () => [allow(when('request.headers[X-Team]', { values: ['blue', 'green-*'], notValues: ['green-x'] }))],
    allowed: [{ headers: { 'x-team': 'blue' } }, { headers: { 'x-team': 'green-1' } }],
    denied: [{}, { headers: { 'x-team': 'red' } }, { headers: { 'x-team': 'green-x' } }],
    closed: [{}],
  },
  'request.headers: there, not there': {
    policies: () => [deny(when('request.headers[x-debug]', { values: ['*'] }))],
    allowed: [{}],
    denied: [{ headers: { 'x-debug': '1' } }],
    closed: [{}],
  },
  'source.principal, source.namespace, source.serviceAccount': {
    policies: () => [
      allow({
        when: [
          { key: 'source.principal', values: ['mesh.example/ns/shop/*'] },
          { key: 'source.namespace', notValues: ['jobs'] },
          { key: 'source.serviceAccount', notValues: ['shop/web'] },
        ],
      }),
    ],
    allowed: [{ as: cart }],
    denied: [{}, { as: web }, { as: batch }],
    passes: [{ as: cart }],
    closed: [{ as: web }],
  },
  'source.ip, remote.ip and destination.ip': {
    policies: () => [
      allow({
        when: ['source.ip', 'remote.ip', 'destination.ip'].map((key) => ({ key, values: ['127.0.0.1'] })),
      }),
    ],
    allowed: [{}],
    passes: [{}],
  },
  'source.ip: any but': {
    policies: () => [allow(when('source.ip', { notValues: ['127.0.0.0/8'] }))],
    denied: [{}],
    closed: [{}],
  },
  'destination.ip: any but': {
    policies: () => [deny(when('destination.ip', { notValues: ['10.0.0.0/8'] }))],
    denied: [{}],
    closed: [{}],
  },
  'destination.port': {
    policies: ({ tcp }) => [allow(when('destination.port', { values: [`${tcp}`] }))],
    denied: [{}],
    passes: [{}],
  },
  'connection.sni': {
    policies: () => [allow(when('connection.sni', { values: ['*.web.default', 'exact.example'] }))],
    allowed: [
      { as: cart, sni: 'v1.web.default' },
      { as: cart, sni: 'exact.example' },
    ],
    denied: [{}, { as: cart, sni: 'other.example' }],
    passes: [{ as: cart, sni: 'exact.example' }],
    closed: [{}],
  },
  'conditions of one rule: all': {
    policies: () => [allow({ when: ['a', 'b'].map((name) => ({ key: `request.headers[x-${name}]`, values: ['1'] })) })],
    allowed: [{ headers: { 'x-a': '1', 'x-b': '1' } }],
    denied: [{ headers: { 'x-a': '1' } }],
  },
  'claims without a token: none': {
    policies: () => [allow(when('request.auth.claims[groups]', { values: ['ops'] }))],
    denied: [{}],
    closed: [{}],
  },
  'TCP: a DENY of requests closes what it can not tell': {
    policies: () => [deny({ ...from({ namespaces: ['shop'] }), ...to({ methods: ['POST'] }) })],
    allowed: [{ as: cart }, { method: 'POST' }],
    denied: [{ as: cart, method: 'POST' }],
    passes: [{}, { as: batch }],
    closed: [{ as: cart }],
  },
  'TCP: of an ALLOW only what says nothing of requests is left': {
    policies: () => [
      allow({
        from: [{ source: { namespaces: ['shop'] } }, { source: { namespaces: ['jobs'], requestPrincipals: ['*'] } }],
      }),
    ],
    allowed: [{ as: cart }],
    denied: [{ as: batch }],
    passes: [{ as: cart }],
    closed: [{ as: batch }],
  },
  'a dry run does nothing': {
    policies: () => [
      deny({}, { annotations: { 'istio.io/dry-run': 'true' } }),
      allow(to({ paths: ['/never'] }), { annotations: { 'istio.io/dry-run': 'true' } }),
    ],
    allowed: [{}],
    passes: [{}],
  },
  'a dry run beside policies that hold': {
    policies: () => [deny({}, { annotations: { 'istio.io/dry-run': 'true' } }), allow(to({ paths: ['/open'] }))],
    allowed: [{ path: '/open' }],
    denied: [{ path: '/other' }],
  },
  'AUDIT decides nothing': {
    policies: () => [[{ action: 'AUDIT', rules: [{}] }]],
    allowed: [{}],
    passes: [{}],
  },
  'CUSTOM without such a provider: denied what it matches': {
    policies: () => [[{ action: 'CUSTOM', provider: { name: 'nobody' }, rules: [to({ paths: ['/asked'] })] }]],
    allowed: [{ path: '/other' }],
    denied: [{ path: '/asked' }],
    closed: [{}],
  },
  'what can not be expressed: nobody': {
    policies: () => [[{ rules: [{ when: [{ key: 'request.nonsense', values: ['x'] }] }] }]],
    denied: [{}, { as: cart }],
    closed: [{}, { as: cart }],
  },
  'of the root namespace: every workload': {
    policies: () => [deny(to({ paths: ['/x'] }), { name: 'istio-system/mesh' })],
    allowed: [{}],
    denied: [{ path: '/x' }],
  },
  'of another namespace: no workload': {
    policies: () => [deny({}, { name: 'elsewhere/mesh' })],
    allowed: [{}],
    passes: [{}],
  },
  'a selector of these workloads': {
    labels: { tier: 'front' },
    policies: () => [[{ selector: { matchLabels: { tier: 'front' } }, action: 'DENY', rules: [{}] }]],
    denied: [{}],
  },
  'a selector of others': {
    labels: { tier: 'back' },
    policies: () => [[{ selector: { matchLabels: { tier: 'front' } }, action: 'DENY', rules: [{}] }]],
    allowed: [{}],
  },
};

let envoy: GuardedEnvoy;

beforeAll(async () => {
  const workloads = Object.entries(rows).map(([name, { policies, labels = {} }]) => [
    name,
    (ports: Ports) => ({
      labels,
      config,
      policies: policies(ports).map(([spec, options]) => securityPolicy(spec, options)),
    }),
  ]);
  envoy = await guardInEnvoy({ workloads: Object.fromEntries(workloads) as never, config });
}, 60_000);

afterAll(() => envoy[Symbol.asyncDispose]());

describe.each(Object.entries(rows))('%s', (name, { allowed = [], denied = [], passes = [], closed = [] }) => {
  test.each([...allowed.map((asked) => ({ asked, status: 200 })), ...denied.map((asked) => ({ asked, status: 403 }))])(
    'HTTP $status for $asked',
    async ({ asked, status }) => {
      expect((await envoy.ask(name, asked)).status).toBe(status);
    },
  );
  test.each([
    ...passes.map((asked) => ({ asked, answer: 'echo hello' })),
    ...closed.map((asked) => ({ asked, answer: '' })),
  ])('TCP "$answer" for $asked', async ({ asked, answer }) => {
    expect(await envoy.pass(name, asked)).toBe(answer);
  });
});

test('what a dry run would have decided is counted', async () => {
  const counter = `http.inbound_0.0.0.0_${envoy.httpPort('a dry run does nothing')}.rbac.istio_dry_run_deny_.shadow_denied`;
  const before = await envoy.stat(counter);
  await envoy.ask('a dry run does nothing');
  expect(await envoy.stat(counter)).toBe(before + 1);
});
