// `why` as people read it: what a route does, connections, gateways that pass on, what keeps a host away, and who lets a caller in.

import { generateKeyPairSync } from 'node:crypto';
import { expect, test } from 'vitest';
import { MeshStore } from '../../../discovery/mesh/mesh-store.ts';
import { defaultMeshConfig, type MeshConfig } from '../../../discovery/model/mesh-config.ts';
import { clusterId } from '../../../discovery/model/names.ts';
import { readHeaders } from '../../../server/admin/asked-headers.ts';
import { explain, parseTarget } from '../../../server/admin/explain.ts';
import type { WhyReport } from '../../../server/admin/why-report.ts';
import { findSource } from '../../../server/admin/why-source.ts';
import { renderWhy } from '../../../server/admin/why-text.ts';
import { aReader } from '../../feature/admin/two-regions.ts';
import {
  namespaceManifest,
  podManifest,
  policyManifest,
  serviceManifest,
  type Manifest,
} from '../../support/kube-objects.ts';
import { syncedCluster } from '../discovery/cluster-scene.ts';

const base: readonly Manifest[] = [
  namespaceManifest('sample'),
  serviceManifest('cart', { clusterIP: '10.0.0.2', ports: [{ name: 'http', port: 80, targetPort: 8080 }] }),
  serviceManifest('store', { clusterIP: '10.0.0.3', ports: [{ name: 'tcp', port: 5432 }] }),
  podManifest('web-1', '10.1.0.1', 'web'),
  podManifest('cart-1', '10.1.0.2', 'cart', { labels: { version: 'v1' } }),
  podManifest('store-1', '10.1.0.4', 'store'),
  podManifest('gateway-1', '10.1.0.5', 'gateway', { labels: { istio: 'eastwest' } }),
];

interface Question {
  readonly from?: string;
  readonly to: string;
  readonly method?: string;
  readonly headers?: readonly string[];
  readonly config?: Partial<MeshConfig>;
}

function ask(
  { from = 'web-1.sample', to, method, headers: lines = [], config = {} }: Question,
  manifests: readonly Manifest[] = [],
): WhyReport {
  const store = new MeshStore({
    primary: clusterId('cluster-1'),
    config: { ...defaultMeshConfig, ...config },
    schedule: () => undefined,
  });
  store.add(syncedCluster([...base, ...manifests]));
  store.flush();
  const mesh = store.snapshot;
  const source = findSource(aReader({ mesh: () => mesh, proxy: () => undefined, proxies: () => [] }), from);
  const target = parseTarget(to);
  const headers = readHeaders(lines);
  if (source === undefined || target === undefined) throw new Error('nobody or nothing');
  if (typeof headers === 'string') throw new Error(headers);
  return explain({
    mesh,
    clusters: store.clusterStatuses(),
    source,
    target: { ...target, headers, ...(method === undefined ? {} : { method }) },
  });
}

const text = (question: Question, manifests?: readonly Manifest[]): string => renderWhy(ask(question, manifests));

const cart = { destination: { host: 'cart' } };
const routes = (...http: readonly Manifest[]): Manifest =>
  policyManifest('VirtualService', 'cart', { hosts: ['cart'], http });

test('everything that a route does is told, without the values of headers', () => {
  const rich = routes({
    name: 'rich',
    match: [{ uri: { prefix: '/api' } }],
    route: [{ ...cart, headers: { request: { set: { authorization: 'Basic secret' } } } }],
    rewrite: { uri: '/', authority: 'inner' },
    timeout: '3s',
    retries: { attempts: 2, perTryTimeout: '500ms', retryOn: '5xx' },
    fault: {
      delay: { percentage: { value: 10 }, fixedDelay: '2s' },
      abort: { percentage: { value: 1 }, httpStatus: 503 },
    },
    mirrors: [{ destination: { host: 'store', port: { number: 5432 } }, percentage: { value: 25 } }],
    corsPolicy: { allowOrigins: [{ exact: 'https://shop.example' }], allowMethods: ['GET'] },
    headers: { response: { remove: ['server'], add: { 'x-seen': '1' } } },
  });
  const answer = text({ to: 'cart/api/items' }, [rich]);
  expect(answer).toMatchInlineSnapshot(`
    "reachable: cart.sample.svc.cluster.local is reachable; port 80: 100 % to cluster-1.

    from  web-1.sample (cluster-1, unnamed network), not connected to this instance: as its proxy would see it
    to    cart.sample.svc.cluster.local, /api/items
    declared in  cluster-1
    address      10.0.0.2 (virtual IP)

    port 80 http (http), virtual host 80/cart.sample.svc.cluster.local:80, VirtualService/sample/cart
      route rich (spec.http[0]): path starts with /api -> 100 % cluster-1
        CORS: origin is https://shop.example; methods GET
        fault: delays 10 % by 2s
        fault: answers 1 % with 503 itself
        rewrites the matched path to /
        rewrites the authority to inner
        response headers: adds x-seen; removes server
        request headers, to cart.sample.svc.cluster.local: sets authorization
        timeout 3s
        retries up to 2 times, on 5xx, 500ms for each try
        copies 25 % to store.sample.svc.cluster.local:5432
        100 % outbound|80||cart.sample.svc.cluster.local
          SHARE  CLUSTER    NETWORK  ENDPOINTS  TIER  WHY
          100 %  cluster-1  -        1          0     on the same network (the unnamed network), used directly
          allowed at cart-1.sample (cluster-1), by mutual TLS, mTLS PERMISSIVE
            no AuthorizationPolicy is in force there"
  `);
  expect(answer).not.toContain('secret');
});

test('a path and a method decide which route is taken; what is not said is named', () => {
  const split = routes(
    { name: 'write', match: [{ method: { exact: 'POST' } }], route: [cart] },
    { name: 'jason', match: [{ headers: { 'end-user': { exact: 'jason' } } }], route: [cart] },
    { name: 'old', match: [{ uri: { prefix: '/old' } }], redirect: { uri: '/new', redirectCode: 308 } },
    { name: 'all', route: [cart] },
  );
  const of = (question: Question): unknown =>
    ask(question, [split]).ports[0]?.routes.map(({ name, takes, dependsOn, place }) => [name, takes, dependsOn, place]);
  expect(of({ to: 'cart:80/old', method: 'GET' })).toEqual([
    ['write', 'no', [], 'spec.http[0]'],
    ['jason', 'depends', ['header end-user'], 'spec.http[1]'],
    ['old', 'yes', [], 'spec.http[2]'],
    ['all', 'no', [], 'spec.http[3]'],
  ]);
  expect(of({ to: 'cart' })).toEqual([
    ['write', 'depends', ['the method'], 'spec.http[0]'],
    ['jason', 'depends', ['header end-user'], 'spec.http[1]'],
    ['old', 'depends', ['the path'], 'spec.http[2]'],
    ['all', 'yes', [], 'spec.http[3]'],
  ]);
});

const versions = policyManifest('DestinationRule', 'cart', {
  host: 'cart',
  subsets: ['v1', 'v2', 'v3'].map((version) => ({ name: version, labels: { version } })),
});
const cart2 = podManifest('cart-2', '10.1.0.3', 'cart', { labels: { version: 'v2' } });
const to = (subset: string, weight?: number): Manifest => ({
  destination: { host: 'cart', subset },
  ...(weight === undefined ? {} : { weight }),
});
const canary = routes(
  { name: 'qa', match: [{ headers: { 'end-user': { exact: 'qa' } } }], route: [to('v2')] },
  { name: 'main', route: [to('v1', 90), to('v2', 10)] },
);
const firstLine = (question: Question, manifests: readonly Manifest[]): string =>
  text(question, manifests).split('\n')[0] ?? '';

test('the first line tells of an ordinary request, and how many routes before its own depend on what', () => {
  const manifests = [versions, cart2, canary];
  const start = 'reachable: cart.sample.svc.cluster.local is reachable; port 80:';
  expect(firstLine({ to: 'cart' }, manifests)).toBe(
    `${start} 100 % to cluster-1 by route main; 1 route before it (qa) depends on header end-user.`,
  );
  const onlyQa = routes({ name: 'qa', match: [{ headers: { 'end-user': { exact: 'qa' } } }], route: [cart] });
  expect(firstLine({ to: 'cart' }, [onlyQa])).toBe(
    `${start} depending on header end-user, 100 % to cluster-1 by route qa; no other route may take it.`,
  );
  expect(firstLine({ to: 'cart', headers: ['end-user: jason'] }, [onlyQa])).toBe(
    'no-endpoints: No route of VirtualService/sample/cart takes such a request to cart.sample.svc.cluster.local.',
  );
});

test('an ordinary request that has nowhere to go is not saved by a route that only some requests take', () => {
  const broken = routes(
    { name: 'qa', match: [{ headers: { 'end-user': { exact: 'qa' } } }], route: [to('v1')] },
    { name: 'main', route: [to('v3')] },
  );
  const report = ask({ to: 'cart' }, [versions, broken]);
  expect(report.verdict).toBe('no-endpoints');
  expect(report.summary).toMatch(/ Port 80: 1 route before it \(qa\) depends on header end-user\.$/);
  expect(ask({ to: 'cart', headers: ['End-User: qa'] }, [versions, broken]).verdict).toBe('reachable');
});

test('headers that are given decide, also which rule lets the request in, and their values are not shown', () => {
  const manifests = [versions, cart2, canary];
  const taken = (...headers: readonly string[]): unknown =>
    ask({ to: 'cart', headers }, manifests).ports[0]?.routes.find(({ takes }) => takes === 'yes')?.name;
  expect(taken('End-User: qa')).toBe('qa');
  expect(taken('end-user: somebody')).toBe('main');
  expect(ask({ to: 'cart', headers: ['end-user:'] }, manifests).ports[0]?.routes[0]?.takes).toBe('no');
  expect(ask({ to: 'cart', headers: ['other: qa'] }, manifests).ports[0]?.routes[0]?.takes).toBe('depends');

  const admins = access('ALLOW', { when: [{ key: 'request.headers[x-role]', values: ['admin*'] }] });
  const verdict = (...headers: readonly string[]): string => ask({ to: 'cart', headers }, [admins]).verdict;
  expect(verdict('X-Role: administrator')).toBe('reachable');
  expect(verdict('x-role: guest')).toBe('denied');
  expect(verdict('x-role:')).toBe('denied');
  const setting = routes({ route: [cart], headers: { request: { set: { 'x-role': 'admin' } } } });
  const behind = ask({ to: 'cart', headers: ['x-role: guest'] }, [admins, setting]);
  expect(behind.ports[0]?.routes[0]?.destinations[0]?.access[0]?.verdict).toBe('depends');

  const said = ask({ to: 'cart', headers: ['end-user: hidden-value', 'x-none:'] }, manifests);
  expect(said.to).toMatchObject({ headers: ['end-user'], withoutHeaders: ['x-none'] });
  expect(renderWhy(said)).toContain('to    cart.sample.svc.cluster.local, with end-user without x-none');
  expect(JSON.stringify(said)).not.toContain('hidden-value');
});

test('headers are read as curl reads them, and what is wrong is told without values', () => {
  expect(readHeaders(['A: 1', 'a: 2', 'B:', 'c;', 'd:x:y'])).toEqual(
    new Map([
      ['a', '1,2'],
      ['b', undefined],
      ['c', ''],
      ['d', 'x:y'],
    ]),
  );
  expect(readHeaders(['a: 1', 'secret value'])).toBe(
    'Header 2 is not NAME: VALUE (NAME: for none, NAME; for an empty one).',
  );
  expect(readHeaders(['Host: other'])).toMatch(/Host header is the host that is asked about/);
  expect(readHeaders(Array.from({ length: 65 }, () => 'a: 1'))).toBe('At most 64 headers can be given.');
});

test('the part of the requests that is denied, or has nowhere to go, comes first', () => {
  const guard = policyManifest('AuthorizationPolicy', 'v1', {
    action: 'DENY',
    selector: { matchLabels: { version: 'v1' } },
    rules: [{ from: [{ source: { namespaces: ['sample'] } }] }],
  });
  const denied =
    '90 % of requests are denied at cart-1.sample (cluster-1): rule 1 of AuthorizationPolicy/sample/v1 denies it';
  const start = 'reachable: cart.sample.svc.cluster.local is reachable in part; port 80:';
  const split = routes({ name: 'main', route: [to('v1', 90), to('v2', 10)] });
  expect(firstLine({ to: 'cart' }, [versions, cart2, split, guard])).toBe(`${start} ${denied}; 100 % to cluster-1.`);
  expect(firstLine({ to: 'cart' }, [cart2, guard])).toContain(`${start} 50 % of requests are denied at cart-1.sample`);
  const half = routes({ route: [to('v2', 75), to('v3', 25)] });
  expect(firstLine({ to: 'cart' }, [versions, cart2, half])).toBe(
    `${start} 25 % of requests fail, for outbound|80|v3|cart.sample.svc.cluster.local: no endpoint can be used; 75 % to cluster-1.`,
  );
  expect(ask({ to: 'cart' }, [versions, cart2, routes({ route: [to('v1')] }), guard])).toMatchObject({
    verdict: 'denied',
    summary:
      'cart.sample.svc.cluster.local can be reached, and refuses this caller: rule 1 of AuthorizationPolicy/sample/v1 denies it.',
  });
});

test('of a policy that denies because it is invalid, that is said', () => {
  const invalid = access('ALLOW', { from: [{ source: { ipBlocks: ['nonsense'] } }] });
  expect(firstLine({ to: 'cart' }, [invalid])).toBe(
    'denied: cart.sample.svc.cluster.local can be reached, and refuses this caller: ' +
      'AuthorizationPolicy/sample/allow is invalid, and denies everything until it is mended: `isthmus problems` tells why.',
  );
  const keyless = policyManifest('RequestAuthentication', 'jwt', {
    jwtRules: [{ issuer: 'https://issuer.example', jwks: '{"keys":[]}' }],
  });
  expect(text({ to: 'cart' }, [keyless])).toContain(
    'RequestAuthentication/sample/jwt is invalid, and refuses every token',
  );
});

test('routes of connections are told: TLS by server name before TCP, then where the connection was made to', () => {
  const connections = policyManifest('VirtualService', 'store', {
    hosts: ['store'],
    tls: [
      {
        match: [{ port: 5432, sniHosts: ['store.sample.svc.cluster.local'] }],
        route: [{ destination: { host: 'cart' } }],
      },
    ],
    tcp: [{ match: [{ port: 9 }], route: [{ destination: { host: 'cart' } }] }],
  });
  expect(text({ to: 'store:5432' }, [connections])).toMatchInlineSnapshot(`
    "reachable: store.sample.svc.cluster.local is reachable; port 5432: 100 % to cluster-1; 1 route before it depends on the server name of the TLS hello.

    from  web-1.sample (cluster-1, unnamed network), not connected to this instance: as its proxy would see it
    to    store.sample.svc.cluster.local port 5432
    declared in  cluster-1
    address      10.0.0.3 (virtual IP)

    port 5432 tcp (tcp), VirtualService/sample/store
      route unnamed (spec.tls[0]): server name store.sample.svc.cluster.local and port 5432 -> 100 % cluster-1
        depends on the server name of the TLS hello
        100 % outbound|80||cart.sample.svc.cluster.local
          SHARE  CLUSTER    NETWORK  ENDPOINTS  TIER  WHY
          100 %  cluster-1  -        1          0     on the same network (the unnamed network), used directly
          allowed at cart-1.sample (cluster-1), by mutual TLS, mTLS PERMISSIVE
            no AuthorizationPolicy is in force there
      route unnamed (spec.tcp[0]): port 9 -> not for these requests: it is for port 9
      route default: everything -> 100 % cluster-1
        100 % outbound|5432||store.sample.svc.cluster.local
          SHARE  CLUSTER    NETWORK  ENDPOINTS  TIER  WHY
          100 %  cluster-1  -        1          0     on the same network (the unnamed network), used directly
          allowed at store-1.sample (cluster-1), by mutual TLS, mTLS PERMISSIVE
            no AuthorizationPolicy is in force there"
  `);
});

test('an east-west gateway follows no routes', () => {
  const eastWest = policyManifest('Gateway', 'east-west', {
    selector: { istio: 'eastwest' },
    servers: [
      { port: { number: 15_443, name: 'tls', protocol: 'TLS' }, hosts: ['*.local'], tls: { mode: 'AUTO_PASSTHROUGH' } },
    ],
  });
  const report = ask({ from: 'gateway-1.sample', to: 'cart:80' }, [eastWest, routes({ route: [cart], timeout: '3s' })]);
  expect(report.from).toMatchObject({ proxy: 'gateway-1.sample', connected: false });
  expect(report.ports[0]?.virtualService).toBeUndefined();
  expect(report.ports[0]?.routes.map(({ name, details }) => [name, details])).toEqual([['default', []]]);
});

test('what keeps a host away is named: a Sidecar, exportTo; and what becomes of requests then', () => {
  const sidecar = policyManifest('Sidecar', 'default', {
    egress: [{ hosts: ['./store.sample.svc.cluster.local'] }],
    outboundTrafficPolicy: { mode: 'REGISTRY_ONLY' },
  });
  expect(ask({ to: 'cart' }, [sidecar])).toMatchObject({
    verdict: 'not-visible',
    summary:
      'Sidecar/sample/default holds for this workload and lists ./store.sample.svc.cluster.local as egress hosts, which leave out ' +
      'sample/cart.sample.svc.cluster.local; add it there. Requests are refused (outboundTrafficPolicy REGISTRY_ONLY, by Sidecar/sample/default).',
  });
  const secret = serviceManifest(
    'secret',
    {},
    { namespace: 'other', annotations: { 'networking.istio.io/exportTo': '.' } },
  );
  expect(ask({ to: 'secret.other' }, [secret]).summary).toBe(
    'secret.other.svc.cluster.local is exported to ., which leaves out namespace sample. ' +
      'Requests pass through to wherever its name resolves (outboundTrafficPolicy ALLOW_ANY).',
  );
  const unknown = ask({ to: 'nowhere.example', config: { outboundTrafficPolicy: 'registry-only' } });
  expect(unknown).toMatchObject({ verdict: 'unknown-host' });
  expect(unknown.summary).toMatch(
    /no ServiceEntry has it\..*Requests are refused \(outboundTrafficPolicy REGISTRY_ONLY\)\.$/,
  );
});

test('a host of a ServiceEntry is a host like any other', () => {
  const entry = policyManifest('ServiceEntry', 'api', {
    hosts: ['api.example'],
    location: 'MESH_EXTERNAL',
    resolution: 'NONE',
    ports: [{ number: 443, name: 'tls', protocol: 'TLS' }],
  });
  expect(ask({ to: 'api.example:443' }, [entry])).toMatchObject({
    verdict: 'reachable',
    summary: 'api.example is reachable; port 443: to wherever its name resolves.',
  });
});

test("a service's virtual IP stands for its name, one of another cluster's for nothing here", () => {
  const report = ask({ to: '10.0.0.2:80/items' });
  expect(report).toMatchObject({
    verdict: 'reachable',
    to: { asked: '10.0.0.2:80/items', host: 'cart.sample.svc.cluster.local', address: '10.0.0.2', port: 80 },
  });
  expect(renderWhy(report)).toContain('to    cart.sample.svc.cluster.local (10.0.0.2) port 80, /items');
  expect(ask({ to: '10.0.0.2:9' }).verdict).toBe('unknown-port');
  const named = policyManifest('ServiceEntry', 'api', {
    hosts: ['api.example'],
    addresses: ['2001:db8::1'],
    resolution: 'STATIC',
    endpoints: [{ address: '192.0.2.7' }],
    ports: [{ number: 443, name: 'tls', protocol: 'TLS' }],
  });
  expect(ask({ to: '[2001:DB8:0::1]:443' }, [named])).toMatchObject({
    verdict: 'reachable',
    to: { host: 'api.example' },
  });
  expect(ask({ to: '10.1.0.2:8080' })).toMatchObject({
    verdict: 'unknown-host',
    summary: expect.stringContaining('It is the address of cart-1.sample itself.'),
  });
});

const strict = policyManifest('PeerAuthentication', 'default', { mtls: { mode: 'STRICT' } });
const access = (action: string, ...rules: readonly Manifest[]): Manifest =>
  policyManifest('AuthorizationPolicy', action.toLowerCase(), {
    action,
    selector: { matchLabels: { app: 'cart' } },
    rules,
  });

test('which rule of which policy lets the caller in, by its identity, the path and the method', () => {
  const manifests = [
    strict,
    access('DENY', { to: [{ operation: { paths: ['/admin*'] } }] }),
    access(
      'ALLOW',
      { from: [{ source: { principals: ['cluster.local/ns/sample/sa/other'] } }] },
      {
        from: [{ source: { principals: ['cluster.local/ns/sample/sa/web'] } }],
        to: [{ operation: { methods: ['GET'] } }],
      },
    ),
  ];
  expect(text({ to: 'cart:80/items', method: 'GET' }, manifests)).toMatchInlineSnapshot(`
    "reachable: cart.sample.svc.cluster.local is reachable; port 80: 100 % to cluster-1.

    from  web-1.sample (cluster-1, unnamed network), not connected to this instance: as its proxy would see it
    to    cart.sample.svc.cluster.local port 80, GET /items
    declared in  cluster-1
    address      10.0.0.2 (virtual IP)

    port 80 http (http), virtual host 80/cart.sample.svc.cluster.local:80
      route default: everything -> 100 % cluster-1
        100 % outbound|80||cart.sample.svc.cluster.local
          SHARE  CLUSTER    NETWORK  ENDPOINTS  TIER  WHY
          100 %  cluster-1  -        1          0     on the same network (the unnamed network), used directly
          allowed at cart-1.sample (cluster-1), by mutual TLS, mTLS STRICT by PeerAuthentication/sample/default
            rule 2 of AuthorizationPolicy/sample/allow allows it"
  `);
  const verdict = (question: Question): unknown => {
    const report = ask(question, manifests);
    const found = report.ports[0]?.routes[0]?.destinations[0]?.access[0];
    return [report.verdict, found?.verdict, found?.reasons];
  };
  expect(verdict({ to: 'cart:80/admin/users', method: 'GET' })).toEqual([
    'denied',
    'denied',
    ['rule 1 of AuthorizationPolicy/sample/deny denies it'],
  ]);
  expect(verdict({ to: 'cart:80/items', method: 'DELETE' })).toEqual([
    'denied',
    'denied',
    [
      'no rule of AuthorizationPolicy/sample/allow matches this caller and request, and what no ALLOW policy allows is denied',
    ],
  ]);
  expect(verdict({ to: 'cart:80' })).toEqual([
    'reachable',
    'depends',
    [
      'rule 1 of AuthorizationPolicy/sample/deny denies it, depending on the path',
      'rule 2 of AuthorizationPolicy/sample/allow allows it, depending on the method',
    ],
  ]);
});

test('plain text to a workload that takes mutual TLS alone is denied, and the PeerAuthentication is named', () => {
  const plain = policyManifest('DestinationRule', 'cart', {
    host: 'cart',
    trafficPolicy: { tls: { mode: 'DISABLE' } },
  });
  expect(ask({ to: 'cart' }, [strict, plain])).toMatchObject({
    verdict: 'denied',
    summary:
      'cart.sample.svc.cluster.local can be reached, and refuses this caller: it takes mutual TLS alone ' +
      '(PeerAuthentication/sample/default), and this is plain text.',
  });
});

test('headers and tokens that decide are named, dry runs and tokens that are read too', () => {
  const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' });
  const tokens = policyManifest('RequestAuthentication', 'jwt', {
    jwtRules: [{ issuer: 'https://issuer.example', jwks: JSON.stringify({ keys: [key] }) }],
  });
  const dry = policyManifest(
    'AuthorizationPolicy',
    'trial',
    { action: 'DENY', rules: [{}] },
    { annotations: { 'istio.io/dry-run': 'true' } },
  );
  const manifests = [
    tokens,
    dry,
    access(
      'ALLOW',
      { when: [{ key: 'request.headers[x-role]', values: ['admin'] }] },
      { from: [{ source: { requestPrincipals: ['*'] } }] },
    ),
  ];
  const [found] = ask({ to: 'cart' }, manifests).ports[0]?.routes[0]?.destinations[0]?.access ?? [];
  expect(found).toMatchObject({ verdict: 'depends' });
  expect(found?.reasons).toEqual([
    'AuthorizationPolicy/sample/trial is a dry run: what it would decide is only counted',
    'rule 1 of AuthorizationPolicy/sample/allow allows it, depending on header x-role, the token of the request',
    'a token that RequestAuthentication/sample/jwt does not accept is refused; none is needed for it',
  ]);
});

test('of a connection that is not read, what a rule asks of requests denies and never allows', () => {
  const policy = (action: string): Manifest =>
    policyManifest('AuthorizationPolicy', 'store', { action, rules: [{ to: [{ operation: { methods: ['GET'] } }] }] });
  expect(ask({ to: 'store:5432' }, [policy('DENY')]).verdict).toBe('denied');
  expect(ask({ to: 'store:5432' }, [policy('ALLOW')]).verdict).toBe('denied');
});

test('a target is HOST, HOST:PORT, HOST/PATH or HOST:PORT/PATH', () => {
  expect(parseTarget('cart:80/a?b=c')).toEqual({ host: 'cart', port: 80, path: '/a?b=c' });
  expect(parseTarget('cart/')).toEqual({ host: 'cart', path: '/' });
  expect(parseTarget('cart:99999')).toBeUndefined();
  expect(parseTarget('http://cart')).toBeUndefined();
  expect(parseTarget('[fd00::2]:80/')).toEqual({ host: 'fd00::2', port: 80, path: '/' });
  expect(parseTarget('[::z]')).toBeUndefined();
});
