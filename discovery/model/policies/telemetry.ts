// A Telemetry, converted and checked: what the workloads that it selects log and trace, and where that goes.

import type { PolicyBase } from './policy-base.ts';
import type { Metrics } from './telemetry-metrics.ts';

/** Requests that a workload makes, those that it receives, or both. */
export type TelemetryMode = 'client' | 'server' | 'client-and-server';

export interface AccessLogging {
  readonly mode: TelemetryMode;
  /** Extension providers of MeshConfig; empty: those that hold without this entry. */
  readonly providers: readonly string[];
  readonly disabled: boolean;
  /** CEL; absent: everything. */
  readonly filter?: string | undefined;
}

export type TraceTag =
  | { readonly kind: 'literal'; readonly value: string }
  | { readonly kind: 'environment' | 'header'; readonly name: string; readonly defaultValue: string };

export interface Tracing {
  readonly mode: TelemetryMode;
  /** At most one; empty: the one that holds without this entry. */
  readonly providers: readonly string[];
  readonly disabled?: boolean | undefined;
  readonly samplingPercent?: number | undefined;
  readonly tags: Readonly<Record<string, TraceTag>>;
}

export interface TelemetryPolicy extends PolicyBase {
  readonly kind: 'Telemetry';
  /** Empty: the whole namespace, or the whole mesh in the root namespace. */
  readonly selector: Readonly<Record<string, string>>;
  /** Names of Gateways of the Gateway API: only their pods, and only in this namespace. Absent: as `selector` says. */
  readonly targetGateways?: readonly string[] | undefined;
  readonly accessLogging: readonly AccessLogging[];
  readonly tracing: readonly Tracing[];
  readonly metrics: readonly Metrics[];
}
