// What a Telemetry says of Istio's standard metrics: which are left out, and what their tags are.

import type { TelemetryMode } from './telemetry.ts';

/** Istio's standard metrics, without the prefix `istio_`. */
export const metricNames = [
  'requests_total',
  'request_duration_milliseconds',
  'request_bytes',
  'response_bytes',
  'request_messages_total',
  'response_messages_total',
  'tcp_connections_opened_total',
  'tcp_connections_closed_total',
  'tcp_sent_bytes_total',
  'tcp_received_bytes_total',
] as const;

export type MetricName = (typeof metricNames)[number];

export type TagOverride =
  | { readonly kind: 'remove' }
  /** `expression` is CEL that Envoy accepts. */
  | { readonly kind: 'set'; readonly expression: string };

export interface MetricsOverride {
  readonly metrics: readonly MetricName[];
  readonly mode: TelemetryMode;
  /** Absent: as before. */
  readonly disabled?: boolean | undefined;
  readonly tags: Readonly<Record<string, TagOverride>>;
}

/** An entry of `metrics`. */
export interface Metrics {
  /** Extension providers of MeshConfig; empty: those that hold without this entry. */
  readonly providers: readonly string[];
  readonly overrides: readonly MetricsOverride[];
}

/** What is counted of the requests and connections on one side of a workload. */
export interface SideMetrics {
  readonly reporter: 'source' | 'destination';
  /** What in the proxy counts: Istio's own filter, or Envoy's access logger for statistics in either of its two forms. */
  readonly by: 'istio-filter' | 'stats-prefix' | 'stats-scope';
  /** Only metrics that something is said of. */
  readonly overrides: Partial<Readonly<Record<MetricName, MetricChange>>>;
}

export interface MetricChange {
  readonly disabled: boolean;
  readonly tags: Readonly<Record<string, TagOverride>>;
}
