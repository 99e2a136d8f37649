// HTTP filters that only Istio's own build of Envoy has: those that count Istio's standard metrics, and tell the other side who asks. For
// proxies that announce them, where metrics are wanted. Their messages are in no package, so they travel as structs.
// https://istio.io/latest/docs/reference/config/proxy_extensions/stats/

import type { MeshConfig } from '../../discovery/model/mesh-config.ts';
import type { MetricChange } from '../../discovery/model/policies/telemetry-metrics.ts';
import type { HttpFilter } from '../../proto/generated/envoy.extensions.filters.network.http_connection_manager.v3.ts';
import { TypedStruct } from '../../proto/generated/udpa.type.v1.ts';
import { packAny } from '../../proto/codec.ts';
import { struct, type PlainValue } from './well-known-types.ts';

/** Empty for a stock Envoy, and where nothing is to be counted. */
export function istioMetricFilters({ telemetry }: MeshConfig): readonly HttpFilter[] {
  const metrics = telemetry?.metrics;
  if (metrics?.by !== 'istio-filter') return [];
  const isClient = metrics.reporter === 'source';
  const changes = Object.entries(metrics.overrides).flatMap(([name, change]) => metricChange(name, change));
  const headers = { istio_headers: isClient ? { skip_external_clusters: true } : {} };
  return [
    typed('istio.metadata_exchange', 'io.istio.http.peer_metadata.Config', {
      [isClient ? 'upstream_discovery' : 'downstream_discovery']: [{ istio_headers: {} }],
      [isClient ? 'upstream_propagation' : 'downstream_propagation']: [headers],
    }),
    typed('istio.stats', 'stats.PluginConfig', {
      // What a caller writes into its Host header is no name of a service.
      ...(isClient ? {} : { disable_host_header_fallback: true }),
      ...(changes.length === 0 ? {} : { metrics: changes }),
    }),
  ];
}

function metricChange(name: string, change: MetricChange | undefined): readonly PlainValue[] {
  if (change === undefined) return [];
  if (change.disabled) return [{ name, drop: true }];
  const dimensions: Record<string, string> = {};
  const removed: string[] = [];
  for (const [tag, override] of Object.entries(change.tags)) {
    if (override.kind === 'set') dimensions[tag] = override.expression;
    else removed.push(tag);
  }
  return [
    {
      name,
      ...(Object.keys(dimensions).length === 0 ? {} : { dimensions }),
      ...(removed.length === 0 ? {} : { tags_to_remove: removed }),
    },
  ];
}

function typed(name: string, message: string, value: Readonly<Record<string, PlainValue>>): HttpFilter {
  const typedConfig = packAny(TypedStruct, { typeUrl: `type.googleapis.com/${message}`, value: struct(value) });
  return { name, typedConfig };
}
