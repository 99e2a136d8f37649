// What a run found out, as it is written to JSON.

import type { CertificateFigures } from './certificates/certificate-figures.ts';
import type { GrowthFigures } from './memory/measure-growth.ts';

/** What the proxies received, for each proxy and each change (or each connecting). Equal in every run of equal size. */
export interface ExactCounts {
  readonly messages: number;
  readonly bytes: number;
  readonly resources: number;
  readonly removed: number;
  /** Resources that the server generated and encoded, for all proxies together. */
  readonly encodings: number;
}

/** Milliseconds. */
export interface Times {
  readonly p50: number;
  readonly p99: number;
}

export interface ConnectFigures {
  /** Until the last proxy had everything. */
  readonly allMs: number;
  /** The same, once everything is generated and the server is warm. */
  readonly againMs: number;
  readonly each: Times;
  readonly cpuMs: number;
  /** Of all workers together; `cpuMs` is the main process alone. */
  readonly workersCpuMs: number;
  readonly counts: ExactCounts;
  /** Bytes that the server holds for each connected proxy and gives back when it leaves. */
  readonly live: number;
  /** Growth of the process for each proxy, what was generated and compiled included. */
  readonly rss: number;
  /** The same of all workers together. */
  readonly workersRss: number;
}

export interface ChangeFigures {
  readonly trials: number;
  /** From sending the change to the registry until it arrived. */
  readonly first: Times;
  readonly each: Times;
  readonly last: Times;
  /** Processor time of the server a change. */
  readonly cpuMs: number;
  readonly workersCpuMs: number;
  readonly counts: ExactCounts;
}

export interface ReconnectFigures {
  readonly tookMs: number;
  readonly cpuMs: number;
  readonly workersCpuMs: number;
  readonly counts: ExactCounts;
}

/** Medians of some starts. */
export interface StartFigures {
  readonly services: number;
  /** Of all services together. */
  readonly endpoints: number;
  readonly readyMs: number;
  /** In the order of starting. */
  readonly eachReadyMs: readonly number[];
  readonly rss: number;
}

/** What is measured at every size. */
export interface LoadFigures {
  readonly at: string;
  readonly node: string;
  readonly registry: 'kube' | 'directory';
  readonly services: number;
  readonly endpoints: number;
  readonly proxies: number;
  /** Load of the machine when the run began: above the number of cores, times say little. */
  readonly load: number;
  readonly cores: number;
  /** Of memory, in the server. */
  readonly allocator: string;
  readonly connect: ConnectFigures;
  readonly endpointChange: ChangeFigures;
  readonly routeChange: ChangeFigures;
  readonly reconnect: ReconnectFigures;
}

/** A whole run. */
export interface Figures extends LoadFigures {
  readonly connectTls: ConnectFigures;
  readonly start: StartFigures;
  readonly certificates: CertificateFigures;
  /** Of connections over TLS, to a server of their own. Absent in runs from before it was measured. */
  readonly growthTls?: GrowthFigures | undefined;
}

/** The value below which the share of the values lies. */
export function timesOf(values: readonly number[]): Times {
  const sorted = values.toSorted((one, other) => one - other);
  const at = (share: number): number => sorted[Math.floor(share * (sorted.length - 1))] ?? 0;
  return { p50: at(0.5), p99: at(0.99) };
}
