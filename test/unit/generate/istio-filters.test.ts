// What Istio's own build of Envoy counts: it is asked to only where it announces that it can, and told what a Telemetry changes.

import { expect, test } from 'vitest';
import { defaultMeshConfig } from '../../../discovery/model/mesh-config.ts';
import type { SideMetrics } from '../../../discovery/model/policies/telemetry-metrics.ts';
import { decodeJson } from '../../../proto/json.ts';
import { istioMetricFilters } from '../../../server/generate/istio-filters.ts';
import { requestMetrics } from '../../../server/generate/metrics.ts';

const configOf = (metrics: SideMetrics) => ({ ...defaultMeshConfig, telemetry: { metrics } });
const bySource: SideMetrics = {
  reporter: 'source',
  by: 'istio-filter',
  overrides: {
    requests_total: {
      disabled: false,
      tags: { team: { kind: 'set', expression: 'request.host' }, source_app: { kind: 'remove' } },
    },
    request_bytes: { disabled: true, tags: {} },
  },
};

const shown = (metrics: SideMetrics) =>
  istioMetricFilters(configOf(metrics)).map(({ name, typedConfig }) => [
    name,
    decodeJson(typedConfig?.typeUrl ?? '', typedConfig?.value ?? new Uint8Array()),
  ]);

test('a stock Envoy has none of its filters, and counts in its access log', () => {
  const stock = configOf({ ...bySource, by: 'stats-scope' });
  expect([istioMetricFilters(stock).length, requestMetrics(stock).length]).toEqual([0, 1]);
  expect(requestMetrics(configOf(bySource))).toEqual([]);
  expect(istioMetricFilters(defaultMeshConfig)).toEqual([]);
});

test('metrics are dropped, and tags are set and removed', () => {
  expect(shown(bySource)).toEqual([
    [
      'istio.metadata_exchange',
      {
        typeUrl: 'type.googleapis.com/io.istio.http.peer_metadata.Config',
        value: {
          upstream_discovery: [{ istio_headers: {} }],
          upstream_propagation: [{ istio_headers: { skip_external_clusters: true } }],
        },
      },
    ],
    [
      'istio.stats',
      {
        typeUrl: 'type.googleapis.com/stats.PluginConfig',
        value: {
          metrics: [
            { name: 'requests_total', dimensions: { team: 'request.host' }, tags_to_remove: ['source_app'] },
            { name: 'request_bytes', drop: true },
          ],
        },
      },
    ],
  ]);
});

test('who is called looks at the caller', () => {
  expect(shown({ ...bySource, reporter: 'destination', overrides: {} })).toMatchObject([
    ['istio.metadata_exchange', { value: { downstream_discovery: [{}], downstream_propagation: [{}] } }],
    ['istio.stats', { value: { disable_host_header_fallback: true } }],
  ]);
});
