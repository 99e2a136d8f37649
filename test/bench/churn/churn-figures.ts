// What is told of steady changes: how late they were, minute by minute, and what it cost meanwhile. Times are milliseconds.

import { timesOf, type Times } from '../figures.ts';
import type { Vitals } from '../inspector.ts';

/** Moments of the machine's monotonic clock. */
export interface TimedChange {
  readonly writtenMs: number;
  /** The registry acknowledged it. */
  storedMs: number;
  /** The last proxy that it concerns has it. */
  arrivedMs: number | undefined;
}

/** What was used so far; vitals are those since the one before. */
export interface Usage extends Vitals {
  readonly atMs: number;
  readonly serverCpuMs: number;
  readonly clientsCpuMs: number;
  readonly writersCpuMs: number;
  readonly registryCpuMs: number;
  readonly messages: number;
}

export interface Latency extends Times {
  readonly max: number;
}

export interface ChurnSummary {
  readonly changes: number;
  /** From just before a change is sent to the registry until the last proxy has it. */
  readonly written: Latency;
  /** The same from the registry's acknowledgement on; a proxy may have it before, which counts as 0. */
  readonly stored: Latency;
  /** Share of changes that took longer than 100 ms from being sent. */
  readonly late: number;
}

export interface ChurnMinute extends ChurnSummary, Vitals {
  readonly seconds: number;
  /** Shares of a core. */
  readonly serverCpu: number;
  readonly clientsCpu: number;
  readonly writersCpu: number;
  readonly registryCpu: number;
  readonly messages: number;
}

export interface ChurnFigures extends ChurnSummary {
  readonly seconds: number;
  readonly warmUpSeconds: number;
  /** Changes a second that were really written. */
  readonly rate: number;
  readonly messages: number;
  /** Changes that some proxy never saw, as it was sent a newer one of the same service. */
  readonly folded: number;
  readonly minutes: readonly ChurnMinute[];
  /** The latest changes: when, after how long, and of it until stored. */
  readonly longest: readonly { readonly atMs: number; readonly tookMs: number; readonly storedMs: number }[];
}

/** What a change may take. */
const allowedMs = 100;

export function summaryOf(changes: readonly TimedChange[]): ChurnSummary {
  const written = changes.map(({ writtenMs, arrivedMs = Infinity }) => arrivedMs - writtenMs);
  const stored = changes.map(({ storedMs, arrivedMs = Infinity }) => Math.max(0, arrivedMs - storedMs));
  return {
    changes: changes.length,
    written: latencyOf(written),
    stored: latencyOf(stored),
    late: written.filter((ms) => ms > allowedMs).length / Math.max(1, changes.length),
  };
}

/** A change belongs to the minute in which it was written. */
export function inMinutes(changes: readonly TimedChange[], usages: readonly Usage[]): readonly ChurnMinute[] {
  return usages.slice(1).map((usage, index) => {
    const before = usages[index] ?? usage;
    const isLast = index === usages.length - 2;
    const ms = Math.max(1, usage.atMs - before.atMs);
    const { rss, live, longestTurnMs, longestCollectionMs } = usage;
    return {
      ...summaryOf(
        changes.filter(
          ({ writtenMs }) => (index === 0 || writtenMs >= before.atMs) && (isLast || writtenMs < usage.atMs),
        ),
      ),
      seconds: ms / 1000,
      serverCpu: (usage.serverCpuMs - before.serverCpuMs) / ms,
      clientsCpu: (usage.clientsCpuMs - before.clientsCpuMs) / ms,
      writersCpu: (usage.writersCpuMs - before.writersCpuMs) / ms,
      registryCpu: (usage.registryCpuMs - before.registryCpuMs) / ms,
      messages: usage.messages - before.messages,
      rss,
      live,
      longestTurnMs,
      longestCollectionMs,
    };
  });
}

function latencyOf(values: readonly number[]): Latency {
  return { ...timesOf(values), max: values.reduce((most, value) => Math.max(most, value), 0) };
}
