// Which of Istio's metrics are counted on one side of a workload, and by what: MeshConfig's default providers, then the Telemetry of the
// root namespace, of its namespace, and the one that selects it, each over the ones before.

import type { MeshConfig } from '../../discovery/model/mesh-config.ts';
import type { MetricChange, MetricName, SideMetrics } from '../../discovery/model/policies/telemetry-metrics.ts';
import type { TelemetryMode, TelemetryPolicy } from '../../discovery/model/policy.ts';
import type { Capabilities } from '../proxy/proxy.ts';

export interface MetricsQuestion {
  readonly side: 'client' | 'server';
  /** From the widest to the narrowest. */
  readonly policies: readonly TelemetryPolicy[];
  readonly config: Pick<MeshConfig, 'defaultProviders' | 'extensionProviders'>;
  readonly capabilities: Pick<Capabilities, 'istioFilters' | 'statsLogger'>;
}

/** Undefined where nothing is to be counted, or the proxy has nothing that could. */
export function metricsFor({ side, policies, config, capabilities }: MetricsQuestion): SideMetrics | undefined {
  const by = countedBy(capabilities);
  if (by === undefined) return undefined;
  let providers: readonly string[] = config.defaultProviders?.metrics ?? [];
  const changes = new Map<MetricName, MetricChange>();
  for (const { metrics } of policies) {
    for (const entry of metrics) {
      if (entry.providers.length > 0) providers = entry.providers;
      for (const { mode, metrics: names, disabled, tags } of entry.overrides) {
        if (!concerns(mode, side)) continue;
        for (const name of names) {
          const before = changes.get(name) ?? { disabled: false, tags: {} };
          changes.set(name, { disabled: disabled ?? before.disabled, tags: { ...before.tags, ...tags } });
        }
      }
    }
  }
  if (!providers.some((name) => isPrometheus(name, config))) return undefined;
  return {
    reporter: side === 'client' ? 'source' : 'destination',
    by,
    overrides: Object.fromEntries(changes),
  };
}

function countedBy({ istioFilters, statsLogger }: MetricsQuestion['capabilities']): SideMetrics['by'] | undefined {
  if (istioFilters) return 'istio-filter';
  return statsLogger === undefined ? undefined : `stats-${statsLogger}`;
}

/** `prometheus` is there without being declared, as in Istio. */
function isPrometheus(name: string, { extensionProviders }: MetricsQuestion['config']): boolean {
  const provider = extensionProviders.find((candidate) => candidate.name === name);
  return provider === undefined ? name === 'prometheus' : provider.kind === 'prometheus';
}

function concerns(mode: TelemetryMode, side: 'client' | 'server'): boolean {
  return mode === side || mode === 'client-and-server';
}
