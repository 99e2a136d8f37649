// Who gets through an ingress gateway, in a real Envoy: AuthorizationPolicies of every action, tokens of several issuers, external
// authorizers over gRPC and HTTP, and routes by claims. Each test has a host of its own, so that all policies can hold at once.

import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { waitFor } from '../../support/wait-for.ts';
import { startGrpcAuthorizer, startHttpAuthorizer } from '../security/external-authorizers.ts';
import { TokenIssuer } from '../security/tokens.ts';
import { ask, startGatewayScene, type Answer, type Asking, type GatewayScene } from './gateway-scene.ts';

const stack = new AsyncDisposableStack();
const near = new TokenIssuer('https://near.example', ['RS256', 'ES256']);
const far = new TokenIssuer('https://far.example');
const forger = new TokenIssuer(near.issuer, ['RS256', 'ES256']);
let scene: GatewayScene;
let keyServer: Server;
/** What the server of `far`'s keys answers with. */
let keys = { status: 503, text: '' };

type Asked = Omit<Asking, 'port' | 'host'>;
const to = (host: string, asked: Asked = {}): Promise<Answer> =>
  ask({ port: scene.ports.http, host: `${host}.example.com`, ...asked });
const status = async (host: string, asked?: Asked): Promise<number> => (await to(host, asked)).status;
const from = (...clients: readonly string[]): Asked => ({ headers: { 'x-forwarded-for': clients.join(', ') } });
const bearer = (token: string): Asked => ({ headers: { authorization: `Bearer ${token}` } });
/** Headers that the application was sent. */
const sent = ({ headers }: Answer): Readonly<Record<string, string>> =>
  JSON.parse(decodeURIComponent(String(headers['x-sent']))) as Readonly<Record<string, string>>;

beforeAll(async () => {
  const grpc = stack.use(await startGrpcAuthorizer());
  const http = stack.use(await startHttpAuthorizer());
  keyServer = createServer((_request, response) => {
    response.statusCode = keys.status;
    response.end(keys.text);
  });
  await new Promise<void>((done) => {
    keyServer.listen(0, '127.0.0.1', done);
  });
  scene = stack.use(
    await startGatewayScene({
      argv: ['--jwks-allow', '127.0.0.0/8'],
      labels: { 'gateway.networking.k8s.io/gateway-name': 'public' },
      meshConfig: `
defaultConfig: { gatewayTopology: { numTrustedProxies: 1 } }
extensionProviders:
  - name: over-grpc
    envoyExtAuthzGrpc: { service: authorizer.sample.svc.cluster.local, port: 9000 }
  - name: over-http
    envoyExtAuthzHttp:
      service: authorizer.sample.svc.cluster.local
      port: 8000
      includeRequestHeadersInCheck: [x-user]
      headersToUpstreamOnAllow: [x-role]
`,
    }),
  );
  const keysAt = `http://127.0.0.1:${(keyServer.address() as AddressInfo).port}/keys`;
  await scene.declare('authorizer', authorizer(grpc.port, http.port));
  await scene.declare('public', gateway(scene.ports.http));
  await scene.declare('tokens', tokens(keysAt));
  await scene.declare('policies', policies);
  await waitFor(
    () => status('deny', { path: '/admin' }),
    (found) => found === 403,
    {
      what: 'the policies at the gateway',
      timeoutMs: 30_000,
    },
  );
});

afterAll(async () => {
  await stack.disposeAsync();
  keyServer.close();
});

describe('AuthorizationPolicies', () => {
  test('remoteIpBlocks are of the client that the trusted proxy names, and of nobody else', async () => {
    expect(await status('only-remote', from('203.0.113.7'))).toBe(200);
    expect(await status('only-remote', from('198.51.100.1', '203.0.113.7'))).toBe(200);
    expect(await status('only-remote', from('203.0.113.7', '198.51.100.1'))).toBe(403);
    expect(await status('only-remote')).toBe(403);
  });

  test('ipBlocks are of the connection, whatever is said of the client', async () => {
    expect(await status('only-near', from('203.0.113.7'))).toBe(200);
    expect(await status('only-far', from('203.0.113.7'))).toBe(403);
  });

  test('hosts, paths and methods decide, and what no rule allows is refused', async () => {
    expect(await status('only-get', { path: '/public/a' })).toBe(200);
    expect(await status('only-get', { path: '/public/a', method: 'POST' })).toBe(403);
    expect(await status('only-get', { path: '/private' })).toBe(403);
    expect(await status('only-get', { path: '/public/../private' })).toBe(403);
    expect(await status('only-nobody')).toBe(403);
    expect(await status('only-get', { path: '/public/a', headers: { 'x-forwarded-host': 'open.example.com' } })).toBe(
      200,
    );
  });

  test('DENY goes before ALLOW, however the path is written', async () => {
    expect(await status('deny')).toBe(200);
    for (const path of ['/admin', '/admin/x', '/x/../admin', '/%61dmin']) {
      expect([path, await status('deny', { path })]).toEqual([path, 403]);
    }
  });

  test('a dry run and an audit refuse nothing; the dry run counts what it would', async () => {
    const count = () => scene.stat(`http.gateway_${scene.ports.http}.rbac.istio_dry_run_deny_.shadow_denied`);
    const before = await count();
    expect(await status('dry')).toBe(200);
    expect(await status('audit')).toBe(200);
    await waitFor(count, (found) => found === before + 1, { what: 'the count of the dry run' });
  });

  test.each([
    ['over-grpc', 403],
    ['over-http', 418],
  ])('CUSTOM asks the authorizer %s, about what it matches alone', async (host, refused) => {
    expect(await status(host, { headers: { 'x-user': 'ada' } })).toBe(200);
    expect(await status(host, { headers: { 'x-user': 'eve' } })).toBe(refused);
    expect(await status(host)).toBe(refused);
    expect(await status(host, { path: '/open', headers: { 'x-user': 'eve' } })).toBe(200);
  });

  test('what the authorizer adds reaches the application, and nothing that the client says in its place', async () => {
    const answer = await to('over-http', { headers: { 'x-user': 'ada', 'x-role': 'forged' } });
    expect(sent(answer)['x-role']).toBe('admin');
  });

  test('targets are pods of the Gateway in the namespace of the policy, and no others', async () => {
    expect(await status('target')).toBe(403);
    expect(await status('other-target')).toBe(200);
    expect(await status('root-target')).toBe(200);
  });
});

describe('tokens', () => {
  test('a token that no issuer signed is refused, none is not, and each issuer has its own keys', async () => {
    expect(await status('open')).toBe(200);
    expect(await status('open', bearer(near.token()))).toBe(200);
    expect(await status('open', bearer(near.token({}, 'ES256')))).toBe(200);
    expect(await status('open', bearer(forger.token()))).toBe(401);
    expect(await status('open', bearer(new TokenIssuer('https://nobody.example').token()))).toBe(401);
  });

  test('keys at an address: until they are read every token is refused, and once they are it works without their server', async () => {
    expect(await status('open', bearer(far.token()))).toBe(401);
    const problems = await scene.problems();
    expect(problems).toContainEqual(
      expect.objectContaining({ code: 'keys-unreachable', field: 'spec.jwtRules[1].jwksUri' }),
    );
    keys = { status: 200, text: far.keySet };
    const accepted = (): Promise<number> => status('open', bearer(far.token()));
    await waitFor(accepted, (found) => found === 200, { what: 'the keys at the gateway', timeoutMs: 30_000 });
    keyServer.closeAllConnections();
    keyServer.close();
    expect(await accepted()).toBe(200);
    expect(await status('open', bearer(new TokenIssuer(far.issuer).token()))).toBe(401);
  });

  test('principals and claims decide', async () => {
    expect(await status('only-ada', bearer(near.token()))).toBe(200);
    expect(await status('only-ada', bearer(near.token({ sub: 'eve' })))).toBe(403);
    expect(await status('only-ada')).toBe(403);
    expect(await status('only-ada', bearer(forger.token()))).toBe(401);
    expect(await status('only-ops', bearer(near.token({ groups: ['x', 'ops'] })))).toBe(200);
    expect(await status('only-ops', bearer(near.token({ groups: ['x'] })))).toBe(403);
    expect(await status('only-ops')).toBe(403);
  });

  test('are found in headers, parameters and cookies; all that are there must be good', async () => {
    expect(await status('open', { headers: { 'x-token': `Token ${near.token()}` } })).toBe(200);
    expect(await status('open', { headers: { 'x-token': `Token ${forger.token()}` } })).toBe(401);
    expect(await status('open', { path: `/?t=${forger.token()}` })).toBe(401);
    expect(await status('open', { headers: { cookie: `session=${forger.token()}` } })).toBe(401);
    const both = { authorization: `Bearer ${near.token()}`, 'x-token': `Token ${forger.token()}` };
    expect(await status('open', { headers: both })).toBe(401);
  });

  test('the application gets the payload and the claims that were asked for, and the token of one that forwards it', async () => {
    const token = near.token({ tenant: 'blue' });
    const forwarded = sent(await to('open', { headers: { 'x-token': `Token ${token}` } }));
    expect(forwarded).toMatchObject({ 'x-token': `Token ${token}`, 'x-tenant': 'blue' });
    expect(JSON.parse(Buffer.from(forwarded['x-payload'] ?? '', 'base64url').toString())).toMatchObject({ sub: 'ada' });
    expect(sent(await to('open', bearer(near.token())))).not.toHaveProperty('authorization');
    const forged = { headers: { 'x-tenant': 'red', 'x-payload': 'forged' } };
    expect(Object.keys(sent(await to('open', forged)))).not.toContain('x-tenant');
    expect(Object.keys(sent(await to('open', forged)))).not.toContain('x-payload');
  });
});

describe('routes by claims', () => {
  const route = async (asked?: Asked): Promise<string | undefined> => sent(await to('claims', asked))['x-route'];

  test('a claim, one within another and one of a list choose; without a token none does', async () => {
    expect(await route(bearer(near.token({ groups: ['x', 'ops'] })))).toBe('ops');
    expect(await route(bearer(near.token({ realm: { role: 'admin' } })))).toBe('admin');
    expect(await route(bearer(near.token({ groups: ['x'] })))).toBe('other');
    expect(await route()).toBe('none');
  });

  test('a header that is named like a claim is none', async () => {
    expect(await route({ headers: { 'x-groups': 'ops' } })).toBe('none');
    expect(await status('claims', bearer(forger.token({ groups: ['ops'] })))).toBe(401);
  });
});

function gateway(port: number): string {
  const marked = (mark: string): string =>
    `headers: { request: { set: { x-route: ${mark} } } }, route: [{ destination: { host: app, port: { number: 80 } } }]`;
  const claim = (name: string, match: string): string => `headers: { "@request.auth.claims${name}": ${match} }`;
  return `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: public, namespace: edge }
spec:
  selector: { istio: ingress }
  servers: [{ port: { number: ${port}, name: http, protocol: HTTP }, hosts: ["*"] }]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: all, namespace: sample }
spec:
  gateways: [edge/public]
  hosts: ["*.example.com"]
  http: [{ route: [{ destination: { host: app, port: { number: 80 } } }] }]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: claims, namespace: sample }
spec:
  gateways: [edge/public]
  hosts: [claims.example.com]
  http:
    - { match: [{ ${claim('.groups', '{ exact: ops }')} }], ${marked('ops')} }
    - { match: [{ ${claim('[realm][role]', '{ prefix: adm }')} }], ${marked('admin')} }
    - { match: [{ ${claim('.sub', '{}')} }], ${marked('other')} }
    - { ${marked('none')} }
`;
}

function tokens(keysAt: string): string {
  return `
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: { name: tokens, namespace: edge }
spec:
  selector: { matchLabels: { istio: ingress } }
  jwtRules:
    - { issuer: "${near.issuer}", jwks: '${near.keySet}' }
    - { issuer: "${far.issuer}", jwksUri: "${keysAt}" }
    - issuer: "${near.issuer}"
      jwks: '${near.keySet}'
      fromHeaders: [{ name: x-token, prefix: "Token " }]
      fromParams: [t]
      fromCookies: [session]
      forwardOriginalToken: true
      outputPayloadToHeader: x-payload
      outputClaimToHeaders: [{ header: x-tenant, claim: tenant }]
`;
}

/** `rules` of a policy at the gateway, or at whatever else `place` says. */
function policy(
  name: string,
  spec: string,
  { namespace = 'edge', place = 'selector: { matchLabels: { istio: ingress } }', dryRun = false } = {},
): string {
  const annotations = dryRun ? ', annotations: { istio.io/dry-run: "true" }' : '';
  return `
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: ${name}, namespace: ${namespace}${annotations} }
spec:
  ${place}
${spec}
---`;
}

const target = (name: string): string =>
  `targetRefs: [{ group: gateway.networking.k8s.io, kind: Gateway, name: ${name} }]`;
const forHost = (host: string, more = ''): string => `to: [{ operation: { hosts: [${host}.example.com]${more} } }]`;

const policies = [
  policy(
    'allow',
    `  rules:
    - to: [{ operation: { notHosts: ["only-*"] } }]
    - { from: [{ source: { remoteIpBlocks: [203.0.113.0/24] } }], ${forHost('only-remote')} }
    - { from: [{ source: { ipBlocks: [127.0.0.0/8] } }], ${forHost('only-near')} }
    - { from: [{ source: { ipBlocks: [203.0.113.0/24] } }], ${forHost('only-far')} }
    - ${forHost('only-get', ', methods: [GET], paths: ["/public*"]')}
    - { from: [{ source: { requestPrincipals: ["${near.issuer}/ada"] } }], ${forHost('only-ada')} }
    - { when: [{ key: "request.auth.claims[groups]", values: [ops] }], ${forHost('only-ops')} }`,
  ),
  policy('deny', `  action: DENY\n  rules: [{ ${forHost('deny', ', paths: ["/admin*"]')} }]`),
  policy('dry', `  action: DENY\n  rules: [{ ${forHost('dry')} }]`, { dryRun: true }),
  policy('audit', `  action: AUDIT\n  rules: [{ ${forHost('audit')} }]`),
  ...['over-grpc', 'over-http'].map((name) =>
    policy(
      name,
      `  action: CUSTOM\n  provider: { name: ${name} }\n  rules: [{ ${forHost(name, ', notPaths: [/open]')} }]`,
    ),
  ),
  policy('target', `  action: DENY\n  rules: [{ ${forHost('target')} }]`, { place: target('public') }),
  policy('other-target', `  action: DENY\n  rules: [{ ${forHost('other-target')} }]`, { place: target('private') }),
  policy('root-target', `  action: DENY\n  rules: [{ ${forHost('root-target')} }]`, {
    place: target('public'),
    namespace: 'istio-system',
  }),
].join('');

function authorizer(grpcPort: number, httpPort: number): string {
  return `
apiVersion: v1
kind: Service
metadata: { name: authorizer, namespace: sample }
spec:
  clusterIP: 10.96.0.30
  ports: [{ name: grpc, port: 9000, targetPort: ${grpcPort} }, { name: http, port: 8000, targetPort: ${httpPort} }]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: authorizer-1, namespace: sample, labels: { kubernetes.io/service-name: authorizer } }
addressType: IPv4
ports: [{ name: grpc, port: ${grpcPort}, protocol: TCP }, { name: http, port: ${httpPort}, protocol: TCP }]
endpoints: [{ addresses: [127.0.0.1], conditions: { ready: true } }]
`;
}
