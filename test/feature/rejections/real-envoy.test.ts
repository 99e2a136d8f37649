// Objects that a real Envoy can't take although nothing is wrong with them for us: everything else goes on, the last good form stays in
// use, the finding is there, and an edit heals.

import { setTimeout } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { waitFor } from '../../support/wait-for.ts';
import { ask, startGatewayScene, type GatewayScene } from '../gateways/gateway-scene.ts';

let scene: GatewayScene;
/** Requests for a host that no edit of these tests is about. */
let asking: { readonly answers: Set<string>; stop(): Promise<void> };

/** A program that is larger than a proxy is told to run: Envoy counts steps, of which letters of two bytes need several. */
const immense = '[a-zA-Zäöü]{1000}'.repeat(9);

const gateway = (servers = ''): string => `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: public, namespace: edge }
spec:
  selector: { istio: ingress }
  servers:
    - { port: { number: ${scene.ports.http}, name: http, protocol: HTTP }, hosts: ["*.example.com"] }${servers}
`;

const routes = (name: string, http: string): string => `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: ${name}, namespace: sample }
spec:
  gateways: [edge/public]
  hosts: [${name}.example.com]
  http:
    - ${http}
`;
const toApp = 'route: [{ destination: { host: app, port: { number: 80 } } }]';
const saying = (body: string): string => `directResponse: { status: 200, body: { string: ${body} } }`;
const matching = (regex: string): string =>
  `{ match: [{ uri: { regex: '${regex}' } }], directResponse: { status: 204 } }\n    - ${saying('edited')}`;

const rule = (maxConnections: number, tls = ''): string => `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: app, namespace: sample }
spec:
  host: app
  trafficPolicy: { connectionPool: { tcp: { maxConnections: ${maxConnections} } }${tls} }
`;

async function answerOf(name: string): Promise<string> {
  return ask({ port: scene.ports.http, host: `${name}.example.com` }).then(
    ({ status, text }) => `${status} ${text}`,
    () => 'no answer',
  );
}

async function answers(name: string, wanted: string): Promise<void> {
  await waitFor(
    () => answerOf(name),
    (answer) => answer.startsWith(wanted),
    { what: `${name} to answer ${wanted}` },
  );
}

interface Found {
  readonly code: string;
  readonly object?: string;
  readonly message: string;
  readonly origin?: { readonly place: string; readonly line?: number };
}

async function rejections(count: number): Promise<readonly Found[]> {
  return waitFor(
    async () => (await scene.problems()).filter(({ code }) => code === 'rejected-by-proxy'),
    (found) => found.length === count,
    { what: `${count} findings of rejections` },
  );
}

beforeAll(async () => {
  scene = await startGatewayScene();
  await scene.declare('gateway', gateway());
  await scene.declare('steady', routes('steady', toApp));
  await scene.declare('shop', routes('shop', saying('good')));
  await answers('steady', '200');
  await answers('shop', '200 good');
}, 120_000);

afterAll(() => scene?.[Symbol.asyncDispose]());

beforeEach(() => {
  const stop = new AbortController();
  const seen = new Set<string>();
  const asked = (async () => {
    while (!stop.signal.aborted) {
      seen.add(await answerOf('steady'));
      await setTimeout(5);
    }
  })();
  asking = {
    answers: seen,
    stop: async () => {
      stop.abort();
      await asked;
    },
  };
});

afterEach(async () => {
  await asking.stop();
  const others = [...asking.answers].filter((answer) => answer !== '200 application asked for steady.example.com');
  if (others.length > 0) throw new Error(`requests for a host that nothing was about: ${others.join(', ')}`);
});

test('a virtual host that Envoy rejects: its last good routes stay, and what changed with it arrives', async () => {
  await scene.declare('shop', `${routes('shop', matching(immense))}---${routes('news', saying('new'))}`);
  const [found] = await rejections(1);
  expect(found?.object).toBe('VirtualService/sample/shop');
  expect(found?.origin).toMatchObject({ place: 'shop.yaml' });
  expect(found?.message).toContain('shop.example.com');
  expect(found?.message).toContain('program size');
  await answers('news', '200 new');
  expect(await answerOf('shop')).toBe('200 good');
  await scene.declare('shop', `${routes('shop', matching('/a+'))}---${routes('news', saying('new'))}`);
  await answers('shop', '200 edited');
  await rejections(0);
});

test('a cluster that Envoy rejects: its last good form stays', async () => {
  await scene.declare('rule', rule(77));
  const config = async (): Promise<string> =>
    (await fetch(`http://127.0.0.1:${scene.adminPort}/config_dump?resource=dynamic_active_clusters`)).text();
  await waitFor(config, (dump) => dump.includes('"max_connections": 77'), { what: 'the rule to be in force' });
  await scene.declare('rule', rule(78, `, tls: { mode: SIMPLE, sni: ${'a'.repeat(300)} }`));
  const [found] = await rejections(1);
  expect(found?.object).toBe('DestinationRule/sample/app');
  expect(found?.message).toContain('value length must be at most 255 bytes');
  expect(found?.message).toContain('stays in use');
  expect(await config()).toContain('"max_connections": 77');
  await scene.declare('rule', rule(79));
  await waitFor(config, (dump) => dump.includes('"max_connections": 79'), {
    what: 'the corrected rule to be in force',
  });
  await rejections(0);
});

test('a listener that Envoy rejects: the Gateway goes back to the servers that it had, which never close', async () => {
  const server = (bind: string): string =>
    `\n    - { port: { number: ${scene.ports.https}, name: more, protocol: HTTP }, bind: ${bind}, hosts: ["*.example.com"] }`;
  await scene.declare('gateway', gateway(server('203.0.113.7')));
  const [found] = await rejections(1);
  expect(found?.object).toBe('Gateway/edge/public');
  expect(found?.message).toContain('Cannot assign requested address');
  expect(found?.message).toContain('stays in use');
  await scene.declare('gateway', gateway(server('127.0.0.1')));
  await waitFor(
    () => ask({ port: scene.ports.https, host: 'steady.example.com' }).then(({ status }) => status, String),
    (status) => status === 200,
    { what: 'the corrected server to answer' },
  );
  await rejections(0);
});

test('a script of an EnvoyFilter that Envoy rejects: the last good one goes on', async () => {
  const script = (source: string): string => `
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: { name: script, namespace: edge }
spec:
  workloadSelector: { labels: { istio: ingress } }
  configPatches:
    - applyTo: HTTP_FILTER
      match:
        context: GATEWAY
        listener:
          filterChain:
            filter:
              name: envoy.filters.network.http_connection_manager
              subFilter: { name: envoy.filters.http.router }
      patch:
        operation: INSERT_BEFORE
        value:
          name: script
          typed_config:
            "@type": type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua
            default_source_code: { inline_string: '${source}' }
`;
  const answering = (word: string): string =>
    `function envoy_on_response(handle) handle:headers():add("x-script", "${word}") end`;
  const said = async (): Promise<string> =>
    ask({ port: scene.ports.http, host: 'steady.example.com' }).then(
      ({ headers }) => String(headers['x-script']),
      () => 'no answer',
    );
  await scene.declare('script', script(answering('good')));
  await waitFor(said, (word) => word === 'good', { what: 'the script to run' });
  await scene.declare('script', script('function envoy_on_response('));
  const [found] = await rejections(1);
  expect(found?.object).toBe('EnvoyFilter/edge/script');
  expect(found?.message).toContain('script load error');
  expect(await said()).toBe('good');
  await scene.declare('script', script(answering('better')));
  await waitFor(said, (word) => word === 'better', { what: 'the corrected script to run' });
  await rejections(0);
});
