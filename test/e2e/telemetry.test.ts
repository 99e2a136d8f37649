// What Telemetry and MeshConfig say of metrics, access logs and spans is what real Envoys do: counted, written and sent, and no more.

import { readFile, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { startScenario } from '../demo/build-scenario.ts';
import type { Pod } from '../demo/pod.ts';
import { writeRegistryFile, type Region, type Scenario } from '../demo/scenario.ts';
import { describeLab } from '../support/describe-lab.ts';
import type { Received } from '../support/otlp-receiver.ts';
import { waitFor } from '../support/wait-for.ts';

const receiverFile = resolve(import.meta.dirname, '../support/otlp-receiver.ts');

/** Behind it are the receiver and, as something that is no HTTP to the mesh, the port of the control plane. */
const collector = (address: string): string => `
apiVersion: v1
kind: Service
metadata: { name: collector, namespace: sample }
spec:
  clusterIP: 10.96.1.70
  clusterIPs: [10.96.1.70]
  ports:
    - { name: grpc, port: 4317 }
    - { name: tcp-raw, port: 9000 }
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: collector-1, namespace: sample, labels: { kubernetes.io/service-name: collector } }
addressType: IPv4
endpoints: [{ addresses: [${address}], conditions: { ready: true } }]
ports:
  - { name: grpc, port: 4317, protocol: TCP }
  - { name: tcp-raw, port: 8080, protocol: TCP }
`;

const meshConfig = `
apiVersion: v1
kind: ConfigMap
metadata: { name: istio, namespace: istio-system }
data:
  mesh: |
    defaultProviders: { metrics: [prometheus] }
    extensionProviders:
      - name: lines
        envoyFileAccessLog: { path: /dev/stdout, logFormat: { text: "LINE %RESPONSE_CODE% %REQ(:PATH)%" } }
      - name: records
        envoyOtelAls:
          service: collector.sample.svc.cluster.local
          port: 4317
          logFormat: { text: "%REQ(:PATH)%", labels: { status: "%RESPONSE_CODE%" } }
      - name: spans
        opentelemetry: { service: collector.sample.svc.cluster.local, port: 4317, serviceName: sleep-of-the-test }
`;

/** A Telemetry for sleep alone. */
const telemetry = (spec: string): string => `
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: { name: sleep, namespace: sample }
spec:
  selector: { matchLabels: { app: sleep } }
${spec.replaceAll(/^/gm, '  ')}
`;

type Series = Readonly<Record<string, string>>;

function seriesOf(page: string, name: string): readonly { readonly labels: Series; readonly value: number }[] {
  return page
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`))
    .map((line) => ({
      labels: Object.fromEntries(
        [...line.matchAll(/(\w+)="([^"]*)"/g)].map(([, key = '', value = '']) => [key, value]),
      ),
      value: Number(line.slice(line.lastIndexOf(' ') + 1)),
    }));
}

describeLab('telemetry at real Envoys', () => {
  let scenario: Scenario;
  let one: Region;
  const received: Received[] = [];

  beforeAll(async () => {
    scenario = await startScenario();
    one = scenario.one;
    const { host } = one.controlPlane;
    const receiver = host.spawn([process.execPath, receiverFile], {
      name: 'receiver',
      env: { PORT: '4317' },
      onLine: (line) => {
        if (line.startsWith('{')) received.push(JSON.parse(line) as Received);
      },
    });
    await receiver.waitForLine('listening', { timeoutMs: 30_000 });
    const address = one.cluster.pods[0]?.address.replace(/\d+$/, '2') ?? '';
    await writeRegistryFile(one, 'collector.yaml', collector(address));
    await Promise.all(scenario.regions.map((region) => writeRegistryFile(region, 'mesh-config.yaml', meshConfig)));
    await configured(one.sleep, /access_loggers\.stats/);
    await configured(one.helloworld, /access_loggers\.stats/);
  });

  afterAll(() => scenario?.dispose());

  afterEach(async () => {
    for (const pod of scenario.pods) {
      const rejected = await pod.rejectedUpdates();
      if (rejected > 0) throw new Error(`${pod.name}'s Envoy rejected ${rejected} updates`);
    }
  });

  const configured = (pod: Pod, what: RegExp): Promise<string> =>
    waitFor(
      () => pod.admin('/config_dump?resource=dynamic_listeners'),
      (dump) => what.test(dump),
      { what: `${pod.name} to have ${String(what)}`, timeoutMs: 20_000 },
    );

  const without = (pod: Pod, what: RegExp): Promise<string> =>
    waitFor(
      () => pod.admin('/config_dump?resource=dynamic_listeners'),
      (dump) => !what.test(dump) && !dump.includes('draining_state'),
      { what: `${pod.name} to have no ${String(what)}`, timeoutMs: 20_000 },
    );

  const ask = async (path: string, port = 5000): Promise<string> => {
    const via = port === 5000 ? '10.96.1.50:5000' : `10.96.1.70:${port}`;
    const options = ['--noproxy', '*', '--connect-to', `::${via}`, '--max-time', '5', '-o', '/dev/null'];
    const url = `http://helloworld.sample:${port}${path}`;
    return (await one.sleep.host.exec(['curl', '-s', ...options, '-w', '%{http_code}', url])).stdout;
  };

  const metrics = async (pod: Pod, port = 15_020): Promise<string> =>
    (await pod.host.get(`http://127.0.0.1:${port}/stats/prometheus`)).body;

  const counted = (pod: Pod, name: string, wanted: Series): Promise<Series> =>
    waitFor(
      async () => {
        const fits = ({ labels }: { readonly labels: Series }): boolean =>
          Object.entries(wanted).every(([key, value]) => labels[key] === value);
        return seriesOf(await metrics(pod), name).find(fits)?.labels;
      },
      (labels) => labels !== undefined,
      { what: `${pod.name} to show ${name} of ${JSON.stringify(wanted)}`, timeoutMs: 20_000 },
    ).then((labels) => labels ?? {});

  const logOf = (pod: Pod): Promise<string> => readFile(join(scenario.logDirectory, `${pod.name}.log`), 'utf8');

  const apply = (spec: string): Promise<void> => writeRegistryFile(one, 'telemetry.yaml', telemetry(spec));

  test('requests are counted at both ends, as far as each end knows the other', async () => {
    // Until both clusters have answered.
    for (let sent = 0; sent < 20; sent += 1) expect(await ask('/hello')).toBe('200');
    const near = await counted(one.sleep, 'istio_requests_total', {
      reporter: 'source',
      destination_workload: one.helloworld.name,
    });
    expect(near).toMatchObject({
      source_workload_namespace: 'sample',
      source_app: 'sleep',
      source_cluster: 'cluster-1',
      source_principal: 'spiffe://cluster.local/ns/sample/sa/sleep',
      destination_principal: 'spiffe://cluster.local/ns/sample/sa/helloworld',
      destination_service: 'helloworld.sample.svc.cluster.local',
      destination_service_name: 'helloworld',
      destination_service_namespace: 'sample',
      destination_workload_namespace: 'sample',
      destination_canonical_service: 'helloworld',
      destination_canonical_revision: 'v1',
      destination_version: 'v1',
      destination_cluster: 'cluster-1',
      request_protocol: 'http',
      response_code: '200',
      response_flags: '-',
      connection_security_policy: 'unknown',
    });
    // Through a gateway only the cluster and the service are known.
    const far = await counted(one.sleep, 'istio_requests_total', { destination_cluster: 'cluster-2' });
    expect(far).toMatchObject({
      destination_service_name: 'helloworld',
      destination_workload: 'unknown',
      destination_principal: 'spiffe://cluster.local/ns/sample/sa/helloworld',
    });
    const seen = await counted(scenario.two.helloworld, 'istio_requests_total', {
      reporter: 'destination',
      response_code: '200',
    });
    expect(seen).toMatchObject({
      source_principal: 'spiffe://cluster.local/ns/sample/sa/sleep',
      source_workload_namespace: 'sample',
      source_workload: 'unknown',
      destination_app: 'helloworld',
      destination_version: 'v2',
      destination_cluster: 'cluster-2',
      destination_service: 'helloworld.sample.svc.cluster.local',
      connection_security_policy: 'mutual_tls',
    });
    // Envoy adds up histograms every five seconds.
    const histograms = ['request_duration_milliseconds', 'request_bytes', 'response_bytes'];
    const page = await waitFor(
      () => metrics(one.sleep, 15_090),
      (text) => histograms.every((name) => (seriesOf(text, `istio_${name}_count`)[0]?.value ?? 0) > 0),
      { what: 'histograms on the port that Prometheus asks', timeoutMs: 20_000 },
    );
    expect(page).toContain('# TYPE istio_requests_total counter');
    expect(page).not.toMatch(/envoy_istio_|isthmus_/);
  });

  test('connections are counted once as they open and once as they close, with their bytes', async () => {
    expect(await ask('/ready', 9000)).toBe('200');
    const wanted = { reporter: 'source', destination_service_name: 'collector', request_protocol: 'tcp' };
    await counted(one.sleep, 'istio_tcp_connections_closed_total', wanted);
    const page = await metrics(one.sleep);
    const value = (name: string): number | undefined =>
      seriesOf(page, name).find(({ labels }) => labels['destination_service_name'] === 'collector')?.value;
    expect(value('istio_tcp_connections_opened_total')).toBe(1);
    expect(value('istio_tcp_connections_closed_total')).toBe(1);
    expect(value('istio_tcp_sent_bytes_total')).toBeGreaterThan(50);
    expect(value('istio_tcp_received_bytes_total')).toBeGreaterThan(50);
  });

  test('tags are set and removed, and a metric is off, for the selected workload alone', async () => {
    await apply(`
metrics:
  - overrides:
      - match: { metric: REQUEST_COUNT }
        tagOverrides:
          method: { value: request.method }
          source_version: { operation: REMOVE }
          response_flags: { operation: REMOVE }
      - match: { metric: REQUEST_SIZE }
        disabled: true`);
    const dump = await configured(one.sleep, /CEL\(request\.method\)/);
    expect(dump).not.toContain('"request_bytes"');
    expect(await ask('/hello')).toBe('200');
    const labels = await counted(one.sleep, 'istio_requests_total', { method: 'GET', response_code: '200' });
    expect(Object.keys(labels)).not.toContain('source_version');
    expect(Object.keys(labels)).not.toContain('response_flags');
    expect(await one.helloworld.admin('/config_dump?resource=dynamic_listeners')).not.toContain('request.method');
    await rm(join(one.registry, 'telemetry.yaml'));
    await without(one.sleep, /CEL\(request\.method\)/);
  });

  test('a filter lets only what it describes into the log, and each provider has its own', async () => {
    await apply(`
accessLogging:
  - match: { mode: CLIENT }
    providers: [{ name: lines }]
    filter: { expression: 'response.code >= 400 && request.url_path.startsWith("/wanted")' }
  - match: { mode: CLIENT }
    providers: [{ name: records }]`);
    await configured(one.sleep, /otel_envoy_accesslog/);
    expect([await ask('/hello?first'), await ask('/wanted'), await ask('/other')]).toEqual(['200', '404', '404']);
    const records = await waitFor(
      () => received.filter(({ kind }) => kind === 'log'),
      (logs) => ['/hello?first', '/wanted', '/other'].every((path) => logs.some(({ name }) => name === path)),
      { what: 'three records at the receiver', timeoutMs: 20_000 },
    );
    const record = records.find(({ name }) => name === '/wanted');
    expect(record?.attributes).toMatchObject({ status: '404' });
    expect(record?.resource).toMatchObject({ log_name: 'otel_envoy_accesslog', cluster_name: 'sleep.sample' });
    const log = await waitFor(
      () => logOf(one.sleep),
      (text) => text.includes('LINE 404 /wanted'),
      { what: 'the line', timeoutMs: 20_000 },
    );
    expect(log).not.toMatch(/LINE .*(\/hello|\/other)/);
    await rm(join(one.registry, 'telemetry.yaml'));
    await without(one.sleep, /otel_envoy_accesslog/);
  });

  const spansOf = (path: string): readonly Received[] =>
    received.filter(({ kind, attributes }) => kind === 'span' && attributes['http.url']?.endsWith(path) === true);

  const tracing = (percentage: number): Promise<void> =>
    apply(`
tracing:
  - match: { mode: CLIENT }
    providers: [{ name: spans }]
    randomSamplingPercentage: ${percentage}
    customTags:
      team: { literal: { value: waste-${percentage} } }
      agent: { header: { name: user-agent } }`);

  test('all requests are traced at 100 %, none at 0 %, and none when it is disabled', async () => {
    await tracing(100);
    await configured(one.sleep, /waste-100/);
    for (let sent = 0; sent < 5; sent += 1) expect(await ask('/hello?traced')).toBe('200');
    const spans = await waitFor(
      () => spansOf('/hello?traced'),
      (found) => found.length >= 5,
      { what: 'five spans', timeoutMs: 20_000 },
    );
    expect(spans[0]?.resource).toMatchObject({ 'service.name': 'sleep-of-the-test' });
    expect(spans[0]?.attributes['team']).toBe('waste-100');
    expect(spans[0]?.attributes['agent']).toContain('curl');
    await tracing(0);
    await configured(one.sleep, /waste-0/);
    await without(one.sleep, /waste-100/);
    for (let sent = 0; sent < 5; sent += 1) expect(await ask('/hello?untraced')).toBe('200');
    await apply('tracing: [{ disableSpanReporting: true }]');
    await without(one.sleep, /waste-0/);
    for (let sent = 0; sent < 5; sent += 1) expect(await ask('/hello?disabled')).toBe('200');
    // Whatever was on its way has arrived when a later one has.
    await tracing(100);
    await configured(one.sleep, /waste-100/);
    expect(await ask('/hello?last')).toBe('200');
    await waitFor(
      () => spansOf('/hello?last'),
      (found) => found.length > 0,
      { what: 'the last span', timeoutMs: 20_000 },
    );
    expect([spansOf('/hello?untraced').length, spansOf('/hello?disabled').length]).toEqual([0, 0]);
  });
});
