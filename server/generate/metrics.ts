// Istio's standard metrics from a stock Envoy: an access logger that counts instead of writing lines. Only for proxies that have it. Names
// begin with `envoy_istio_`, since Envoy lets nobody but itself choose what comes first; the agent shows them as `istio_`.
// https://www.envoyproxy.io/docs/envoy/latest/api-v3/extensions/access_loggers/stats/v3/stats.proto

import type { MeshConfig } from '../../discovery/model/mesh-config.ts';
import { compareText } from '../../discovery/model/network-gateway.ts';
import type { MetricName, SideMetrics } from '../../discovery/model/policies/telemetry-metrics.ts';
import type { AccessLog, AccessLogFilter } from '../../proto/generated/envoy.config.accesslog.v3.ts';
import { AccessLogType } from '../../proto/generated/envoy.data.accesslog.v3.ts';
import {
  Config,
  Config_Histogram_Unit,
  type Config_Counter,
  type Config_Histogram,
  type Config_Stat,
} from '../../proto/generated/envoy.extensions.access_loggers.stats.v3.ts';
import type { TcpProxy } from '../../proto/generated/envoy.extensions.filters.network.tcp_proxy.v3.ts';
import { packAny } from '../../proto/codec.ts';
import { cel, connectionTags, requestTags, withoutTag, type MetricTags } from './metric-tags.ts';
import { uint32 } from './well-known-types.ts';

/** Of one listener's logger: requests can't make more series than that, whatever tags are made from. Only where there is a scope. */
const maxCounters = 5000;
const maxHistograms = 5000;

const whenConnected: AccessLogFilter = Object.freeze({
  logTypeFilter: { types: [AccessLogType.TcpUpstreamConnected] },
});
const otherwise: AccessLogFilter = Object.freeze({
  logTypeFilter: { types: [AccessLogType.TcpUpstreamConnected], exclude: true },
});

/** Whether Envoy's access logs count. */
function counting({ telemetry }: MeshConfig): SideMetrics | undefined {
  const metrics = telemetry?.metrics;
  return metrics?.by === 'istio-filter' ? undefined : metrics;
}

/** For each request at its end. */
export function requestMetrics(config: MeshConfig): readonly AccessLog[] {
  const metrics = counting(config);
  if (metrics === undefined) return [];
  const tags = requestTags(metrics);
  const { Milliseconds, Bytes } = Config_Histogram_Unit;
  const histogram = (name: MetricName, unit: Config_Histogram['unit'], valueFormat: string): Config_Histogram[] =>
    stats(metrics, name, tags).map((stat) => ({ stat, unit, valueFormat }));
  return logger(metrics, {
    counters: stats(metrics, 'requests_total', tags).map((stat) => ({ stat, valueFixed: { value: 1 } })),
    histograms: [
      ...histogram('request_duration_milliseconds', Milliseconds, '%DURATION%'),
      ...histogram('request_bytes', Bytes, cel('request.total_size')),
      ...histogram('response_bytes', Bytes, cel('response.total_size')),
    ],
  });
}

/**
 * For each connection that is handed on, once as it is connected and once at its end: the access logs that go with it, of which
 * those that write lines are to write one.
 */
export function connectionLogs(
  config: MeshConfig,
  lines: readonly AccessLog[],
): Pick<TcpProxy, 'accessLog' | 'accessLogOptions'> {
  const metrics = counting(config);
  if (metrics === undefined) return { accessLog: lines };
  const tags = connectionTags(metrics);
  const count = (name: MetricName, value: Partial<Config_Counter>): Config_Counter[] =>
    stats(metrics, name, tags).map((stat) => ({ stat, ...value }));
  const opened = count('tcp_connections_opened_total', { valueFixed: { value: 1 } });
  const atEnd = [
    ...count('tcp_connections_closed_total', { valueFixed: { value: 1 } }),
    ...count('tcp_sent_bytes_total', { valueFormat: '%BYTES_SENT%' }),
    ...count('tcp_received_bytes_total', { valueFormat: '%BYTES_RECEIVED%' }),
  ];
  return {
    accessLog: [
      ...lines.map((log) => filtered(log, otherwise)),
      ...logger(metrics, { counters: opened }).map((log) => filtered(log, whenConnected)),
      ...logger(metrics, { counters: atEnd }).map((log) => filtered(log, otherwise)),
    ],
    accessLogOptions: { flushAccessLogOnConnected: true },
  };
}

function filtered(log: AccessLog, filter: AccessLogFilter): AccessLog {
  return { ...log, filter: log.filter === undefined ? filter : { andFilter: { filters: [filter, log.filter] } } };
}

/** None where it is disabled. */
function stats({ overrides }: SideMetrics, name: MetricName, standard: MetricTags): readonly Config_Stat[] {
  const change = overrides[name];
  if (change?.disabled === true) return [];
  const formats: Record<string, string> = { ...standard };
  const removed: string[] = [];
  for (const [tag, override] of Object.entries(change?.tags ?? {})) {
    if (override.kind === 'set') formats[tag] = cel(override.expression);
    else if (formats[tag] === undefined) removed.push(tag);
    else delete formats[tag];
  }
  if (removed.length > 0) formats[withoutTag] = removed.toSorted(compareText).join(',');
  const tags = Object.entries(formats).map(([tag, valueFormat]) => ({ name: tag, valueFormat }));
  return [{ name, tags }];
}

function logger({ by }: SideMetrics, counted: Pick<Config, 'counters' | 'histograms'>): readonly AccessLog[] {
  if ((counted.counters?.length ?? 0) + (counted.histograms?.length ?? 0) === 0) return [];
  // Scopes stay unshared: Envoy 1.40 crashes as it ends when one has a sharing name.
  const place: Pick<Config, 'statPrefix' | 'statsScope'> =
    by === 'stats-prefix'
      ? { statPrefix: 'istio' }
      : {
          statsScope: {
            prefix: 'istio',
            maxCounters: uint32(maxCounters),
            maxHistograms: uint32(maxHistograms),
          },
        };
  return [{ name: 'envoy.access_loggers.stats', typedConfig: packAny(Config, { ...place, ...counted }) }];
}
