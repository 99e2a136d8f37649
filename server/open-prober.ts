// Wires the probes of gateways: the mesh whose gateways are asked, from the primary's network, and what counts the answers.

import { systemClock } from '../ca/clock.ts';
import type { MeshStore } from '../discovery/mesh/mesh-store.ts';
import type { ClusterRegistry } from '../discovery/registry/cluster-registry.ts';
import type { Metrics } from './admin/metrics.ts';
import type { ServeConfig } from './config.ts';
import type { Started } from './lifecycle.ts';
import type { Log } from './log.ts';
import type { GatewayProber } from './probe/gateway-prober.ts';
import { probeGateways } from './probe/probe-gateways.ts';

export interface OpenProberOptions {
  readonly config: ServeConfig;
  readonly store: MeshStore;
  readonly primary: ClusterRegistry;
  readonly metrics: Metrics;
  readonly log: Log;
  readonly started: Started;
}

/** Undefined when it is turned off. */
export function openProber(options: OpenProberOptions): GatewayProber | undefined {
  const { config, store, primary, metrics, log, started } = options;
  if (config.gatewayProbeMs === 0) return undefined;
  const prober = probeGateways({
    store,
    ownNetwork: () => primary.snapshot.network,
    clock: systemClock,
    intervalMs: config.gatewayProbeMs,
    log,
    onProbed: (result) => metrics.probed(result),
  });
  started.add('gateway probes', () => prober.close());
  return prober;
}
