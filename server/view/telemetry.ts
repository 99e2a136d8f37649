// What a workload logs, traces and counts on one side: MeshConfig's default providers, then the Telemetry of the root namespace, of its
// namespace, and the one that selects it, each over the ones before.

import type { SideTelemetry } from '../../discovery/model/mesh-config.ts';
import type { MeshSnapshot } from '../../discovery/model/mesh-snapshot.ts';
import type { AccessLogging, TelemetryMode, TelemetryPolicy, Tracing } from '../../discovery/model/policy.ts';
import type { Capabilities } from '../proxy/proxy.ts';
import { metricsFor } from './metrics.ts';
import { policySelects } from './visibility.ts';

interface Workload {
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Absent: its proxy counts nothing. */
  readonly capabilities?: Pick<Capabilities, 'istioFilters' | 'statsLogger'>;
}

type Side = 'client' | 'server';
type AccessLogs = NonNullable<SideTelemetry['accessLogs']>;
type SideTracing = NonNullable<SideTelemetry['tracing']>;

/** Undefined when nothing is declared for the workload: then it goes by MeshConfig's `accessLogFile` alone. */
export function telemetryFor(workload: Workload, side: Side, mesh: MeshSnapshot): SideTelemetry | undefined {
  const { defaultProviders } = mesh.config;
  let accessLogs: AccessLogs | undefined = defaultProviders?.accessLogging?.map((provider) => ({ provider }));
  const tracer = defaultProviders?.tracing?.[0];
  let tracing: SideTracing | undefined = tracer === undefined ? undefined : { provider: tracer, tags: {} };
  const policies = telemetriesFor(workload, mesh);
  for (const policy of policies) {
    const logging = policy.accessLogging.filter(({ mode }) => concerns(mode, side));
    if (logging.length > 0) accessLogs = logsOver(accessLogs ?? [], logging);
    for (const one of policy.tracing) if (concerns(one.mode, side)) tracing = tracingOver(tracing, one);
  }
  const { capabilities } = workload;
  const metrics =
    capabilities === undefined ? undefined : metricsFor({ side, policies, config: mesh.config, capabilities });
  if (accessLogs === undefined && tracing === undefined && metrics === undefined) return undefined;
  return {
    ...(accessLogs === undefined ? {} : { accessLogs }),
    ...(tracing === undefined ? {} : { tracing }),
    ...(metrics === undefined ? {} : { metrics }),
  };
}

/** From the widest to the narrowest, at most one of each; of two of one rank the older holds. */
function telemetriesFor({ namespace, labels }: Workload, mesh: MeshSnapshot): readonly TelemetryPolicy[] {
  const { rootNamespace } = mesh.config;
  const { telemetries } = mesh.policies;
  const general = (wanted: string): TelemetryPolicy | undefined =>
    telemetries.find((policy) => policy.namespace === wanted && !selects(policy));
  return [
    general(rootNamespace),
    namespace === rootNamespace ? undefined : general(namespace),
    telemetries.find(
      (policy) => policy.namespace === namespace && selects(policy) && policySelects(policy, { namespace, labels }),
    ),
  ].filter((policy) => policy !== undefined);
}

function selects({ selector, targetGateways }: TelemetryPolicy): boolean {
  return targetGateways !== undefined || Object.keys(selector).length > 0;
}

function concerns(mode: TelemetryMode, side: Side): boolean {
  return mode === side || mode === 'client-and-server';
}

/** Entries with providers replace those of wider objects; entries without say something of them. */
function logsOver(before: AccessLogs, entries: readonly AccessLogging[]): AccessLogs {
  const names = entries.some(({ providers }) => providers.length > 0);
  const logs = new Map(names ? [] : before.map((log) => [log.provider, log] as const));
  for (const { providers, disabled, filter } of entries) {
    for (const provider of providers.length > 0 ? providers : [...logs.keys()]) {
      if (disabled) logs.delete(provider);
      else logs.set(provider, { provider, ...(filter === undefined ? {} : { filter }) });
    }
  }
  return [...logs.values()];
}

function tracingOver(before: SideTracing | undefined, entry: Tracing): SideTracing {
  const [provider] = entry.providers;
  return {
    ...before,
    ...(provider === undefined ? {} : { provider }),
    ...(entry.disabled === undefined ? {} : { disabled: entry.disabled }),
    ...(entry.samplingPercent === undefined ? {} : { samplingPercent: entry.samplingPercent }),
    tags: { ...before?.tags, ...entry.tags },
  };
}
