// EnvoyFilters at real Envoys: what they add works, reaches those that they select and nobody else, and is gone when they are.

import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { startScenario } from '../demo/build-scenario.ts';
import type { Pod } from '../demo/pod.ts';
import { writeRegistryFile, type Region, type Scenario } from '../demo/scenario.ts';
import { describeLab } from '../support/describe-lab.ts';
import { waitFor, waitUntilSame } from '../support/wait-for.ts';

const host = 'helloworld.sample.svc.cluster.local';
const manager = 'envoy.filters.network.http_connection_manager';

const envoyFilter = (name: string, spec: string, namespace = 'sample'): string => `
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: { name: ${name}, namespace: ${namespace} }
spec:
${spec.replaceAll(/^/gm, '  ')}
`;

/** A header for what the workload answers. */
const script = envoyFilter(
  'script',
  `
workloadSelector: { labels: { app: helloworld } }
configPatches:
  - applyTo: HTTP_FILTER
    match:
      context: SIDECAR_INBOUND
      listener:
        portNumber: 5000
        filterChain: { filter: { name: ${manager}, subFilter: { name: envoy.filters.http.router } } }
    patch:
      operation: INSERT_BEFORE
      value:
        name: envoy.filters.http.lua
        typed_config:
          '@type': type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua
          inlineCode: |
            function envoy_on_response(handle)
              handle:headers():add("x-from-script", "yes")
            end
`,
);

/** One request in a long while. */
const limit = envoyFilter(
  'limit',
  `
workloadSelector: { labels: { app: helloworld } }
configPatches:
  - applyTo: HTTP_FILTER
    match: { context: SIDECAR_INBOUND, listener: { filterChain: { filter: { name: ${manager} } } } }
    patch:
      operation: INSERT_BEFORE
      value:
        name: envoy.filters.http.local_ratelimit
        typed_config:
          '@type': type.googleapis.com/udpa.type.v1.TypedStruct
          type_url: type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit
          value:
            stat_prefix: http_local_rate_limiter
            token_bucket: { max_tokens: 1, tokens_per_fill: 1, fill_interval: 3600s }
            filter_enabled: { runtime_key: enabled, default_value: { numerator: 100, denominator: HUNDRED } }
            filter_enforced: { runtime_key: enforced, default_value: { numerator: 100, denominator: HUNDRED } }
`,
);

/** For callers: routes that travel by the virtual host, a host that no service has, and a filter that is discovered. */
const callers = envoyFilter(
  'callers',
  `
configPatches:
  - applyTo: HTTP_ROUTE
    match: { context: SIDECAR_OUTBOUND, routeConfiguration: { vhost: { name: '${host}:5000' } } }
    patch:
      operation: INSERT_FIRST
      value: { name: teapot, match: { path: /teapot }, direct_response: { status: 418 } }
  - applyTo: VIRTUAL_HOST
    match: { context: SIDECAR_OUTBOUND, routeConfiguration: { name: '5000' } }
    patch:
      operation: ADD
      value:
        name: nowhere
        domains: [nowhere.example.com]
        routes: [{ match: { prefix: / }, direct_response: { status: 203 } }]
  - applyTo: EXTENSION_CONFIG
    patch:
      operation: ADD
      value:
        name: discovered
        typed_config:
          '@type': type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutation
          mutations: { response_mutations: [{ append: { header: { key: x-discovered, value: 'yes' } } }] }
  - applyTo: HTTP_FILTER
    match: { context: SIDECAR_OUTBOUND }
    patch:
      operation: ADD
      value:
        name: discovered
        config_discovery:
          config_source: { ads: {} }
          type_urls: [type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutation]
  - applyTo: CLUSTER
    match: { context: SIDECAR_OUTBOUND, cluster: { service: ${host} } }
    patch: { operation: MERGE, value: { upstream_connection_options: { tcp_keepalive: { keepalive_time: 311 } } } }
`,
  'istio-system',
);

describeLab('EnvoyFilters at real Envoys', () => {
  let scenario: Scenario;
  let one: Region;

  beforeAll(async () => {
    scenario = await startScenario();
    one = scenario.one;
    // Only the workload of this region answers.
    await writeRegistryFile(
      one,
      'near.yaml',
      `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: near, namespace: sample }
spec: { host: helloworld, subsets: [{ name: v1, labels: { version: v1 } }] }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: near, namespace: sample }
spec: { hosts: [helloworld], http: [{ route: [{ destination: { host: helloworld, subset: v1 } }] }] }
`,
    );
    await answer((text) => text.includes('200'));
  });

  afterAll(() => scenario?.dispose());

  afterEach(async () => {
    for (const pod of scenario.pods) {
      const rejected = await pod.rejectedUpdates();
      if (rejected > 0) throw new Error(`${pod.name}'s Envoy rejected ${rejected} updates`);
    }
  });

  const remove = (file: string): Promise<void> => rm(join(one.registry, file));

  /** Status line and headers. */
  const ask = async (url = 'http://helloworld:5000/hello'): Promise<string> => {
    const options = ['--noproxy', '*', '--connect-to', '::10.96.1.50:5000', '--max-time', '5', '-o', '/dev/null'];
    return (await one.sleep.host.exec(['curl', '-s', ...options, '-D', '-', url])).stdout;
  };

  const answer = (wanted: (text: string) => boolean, url?: string): Promise<string> =>
    waitFor(() => ask(url), wanted, { what: `the wanted answer of ${url ?? 'helloworld'}` });

  /** How often it was told anything. */
  const updates = (pod: Pod): Promise<string> => pod.admin('/stats?filter=(cds|lds|rds|vhds).*update_attempt');

  const dump = (pod: Pod): Promise<string> => pod.admin('/config_dump');

  test('a script that the workload is given adds its header, and takes it along when it goes', async () => {
    // What it is told as it starts has all come.
    const before = await waitUntilSame(() => updates(one.sleep), { what: 'the start to be over', intervalMs: 1000 });
    await writeRegistryFile(one, 'script.yaml', script);
    await answer((text) => text.includes('x-from-script: yes'));
    expect(await dump(one.helloworld)).toContain('envoy.filters.http.lua');
    expect(await updates(one.sleep)).toBe(before);
    await remove('script.yaml');
    await answer((text) => text.includes(' 200 ') && !text.includes('x-from-script'));
  });

  test('a rate limit refuses what is too much, and nothing once it is gone', async () => {
    await writeRegistryFile(one, 'limit.yaml', limit);
    await answer((text) => text.includes(' 429 '));
    await remove('limit.yaml');
    // Connections that are open already keep the filters that they were made with for a moment.
    const answers = await waitFor(
      () => Promise.all(Array.from({ length: 10 }, () => ask())),
      (texts) => texts.every((text) => text.includes(' 200 ')),
      { what: 'ten answers without a limit' },
    );
    expect(answers).toHaveLength(10);
  });

  test('callers get routes, virtual hosts, a discovered filter and settings of clusters, all of it for as long as it is declared', async () => {
    await writeRegistryFile(one, 'callers.yaml', callers);
    await answer((text) => text.includes(' 418 '), 'http://helloworld:5000/teapot');
    await answer((text) => text.includes(' 203 '), 'http://nowhere.example.com:5000/');
    await answer((text) => text.includes(' 200 ') && text.includes('x-discovered: yes'));
    expect(await dump(one.sleep)).toContain('"keepalive_time": 311');
    await remove('callers.yaml');
    await answer((text) => !text.includes(' 418 '), 'http://helloworld:5000/teapot');
    await answer((text) => !text.includes(' 203 '), 'http://nowhere.example.com:5000/');
    await answer((text) => text.includes(' 200 ') && !text.includes('x-discovered'));
  });

  test('a patch that Envoy would refuse is left out, and the others of its object hold', async () => {
    const broken = script.replace(
      'configPatches:',
      `configPatches:
    - applyTo: HTTP_FILTER
      match: { context: SIDECAR_INBOUND, listener: { filterChain: { filter: { name: ${manager}, subFilter: { name: envoy.filters.http.router } } } } }
      patch: { operation: REMOVE }`,
    );
    await writeRegistryFile(one, 'script.yaml', broken);
    await answer((text) => text.includes('x-from-script: yes'));
    const clusters = await one.controlPlane.clusters();
    expect(JSON.stringify(clusters)).toContain('patch-left-out');
    await remove('script.yaml');
  });
});
