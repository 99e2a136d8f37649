// Metrics as Prometheus scrapes them.

import { expect, test } from 'vitest';
import { serveAdmin } from './serve-admin.ts';
import { aClusterStatus, aProxyStatus, aReader, aTypeStatus, cluster1, cluster2 } from './two-regions.ts';

const cds = 'type.googleapis.com/envoy.config.cluster.v3.Cluster';

async function scrape(address: string): Promise<(line: string) => string | undefined> {
  const response = await fetch(`http://${address}/metrics`);
  expect(response.headers.get('content-type')).toContain('text/plain');
  const lines = (await response.text()).split('\n');
  return (name) => lines.find((line) => line.startsWith(`${name} `))?.slice(name.length + 1);
}

test('what the streams report is counted under the names of istiod', async () => {
  const { monitoring, metrics } = await serveAdmin(aReader());
  metrics.pushed({ typeUrl: cds, bytes: 2000, resources: 5, removed: 0, tookMs: 2 });
  metrics.pushed({ typeUrl: cds, bytes: 100, resources: 1, removed: 1, tookMs: 2 });
  metrics.rejected(cds);
  metrics.expiredNonce(cds);

  const value = await scrape(monitoring);

  expect(value('pilot_xds_pushes{type="cds"}')).toBe('2');
  expect(value('pilot_xds_config_size_bytes_sum{type="cds"}')).toBe('2100');
  expect(value('pilot_total_xds_rejects{type="cds"}')).toBe('1');
  expect(value('pilot_xds_expired_nonce{type="cds"}')).toBe('1');
});

test('a client that invents type URLs makes no metric of its own', async () => {
  const { monitoring, metrics } = await serveAdmin(aReader());
  for (let index = 0; index < 100; index += 1) metrics.requested(`type.googleapis.com/invented.Type${index}`);

  const text = await (await fetch(`http://${monitoring}/metrics`)).text();

  expect(text).toContain('isthmus_xds_requests_total{type="other"} 100');
  expect(text).not.toContain('invented');
});

test('what can be read from the instance is read at each scrape', async () => {
  const rejecting = aProxyStatus({ types: [aTypeStatus('cds', { status: 'ERROR', rejected: 1 })] });
  const clusters = [
    aClusterStatus(cluster1),
    aClusterStatus(cluster2, { phase: 'stale', lastEventAt: '2026-01-02T03:04:05Z' }),
  ];
  const { monitoring } = await serveAdmin(
    aReader({ clusters: () => clusters, proxies: () => [rejecting, aProxyStatus()] }),
  );

  const value = await scrape(monitoring);

  expect(value('pilot_xds{version="1.31.0"}')).toBe('2');
  expect(value('pilot_xds_cds_reject')).toBe('1');
  expect(value('pilot_services')).toBe('2');
  expect(value('istiod_managed_clusters{cluster_type="remote"}')).toBe('1');
  expect(value('istiod_remote_cluster_sync_status{status="timeout"}')).toBe('1');
  expect(value('isthmus_cluster_phase{cluster="cluster-2",phase="stale"}')).toBe('1');
  expect(value('isthmus_cluster_last_event_age_seconds{cluster="cluster-2"}')).toBe('10');
  expect(value('citadel_server_root_cert_expiry_timestamp')).toBe(String(Date.parse('2036-01-01T00:00:00Z') / 1000));
});

test('two instances in one process keep their own numbers', async () => {
  const first = await serveAdmin(aReader());
  const second = await serveAdmin(aReader());
  first.metrics.certificateCounters.csr_count.inc();

  expect((await scrape(first.monitoring))('citadel_server_csr_count')).toBe('1');
  expect((await scrape(second.monitoring))('citadel_server_csr_count')).toBe('0');
});

test('/version is one line of text, as istioctl reads it', async () => {
  const { monitoring } = await serveAdmin(aReader());

  expect(await (await fetch(`http://${monitoring}/version`)).text()).toBe('0.1.0-abcdef0-Clean\n');
});

test('outages are measured: how stale a cluster is, and what probing says of gateways', async () => {
  const clusters = [
    aClusterStatus(cluster1),
    aClusterStatus(cluster2, { phase: 'stale', staleSince: '2026-01-02T03:04:05Z' }),
  ];
  const probe = { verdict: 'unreachable', since: '2026-01-02T03:04:05Z' } as const;
  const { monitoring, metrics } = await serveAdmin(aReader({ clusters: () => clusters, gatewayProbe: () => probe }));
  metrics.probed('failure');

  const value = await scrape(monitoring);

  expect(value('isthmus_cluster_stale_seconds{cluster="cluster-2"}')).toBe('10');
  expect(value('isthmus_cluster_stale_seconds{cluster="cluster-1"}')).toBeUndefined();
  expect(value('isthmus_gateways{network="network2",verdict="unreachable"}')).toBe('1');
  expect(value('isthmus_gateway_probes_total{result="failure"}')).toBe('1');
});
