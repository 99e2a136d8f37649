// What all streams of a server share.

import type { ConnectionSet } from './connection-set.ts';
import type { NameSetPool } from './name-set.ts';
import type { SharedAnswers } from './shared-answers.ts';
import type { SnapshotSource } from './snapshot-source.ts';
import type { StreamLimits } from './stream-limits.ts';
import type { StreamMetrics } from './stream-metrics.ts';

/** As pino has it. */
export interface StreamLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

export interface StreamContext {
  readonly source: SnapshotSource;
  readonly connections: ConnectionSet;
  readonly names: NameSetPool;
  readonly answers: SharedAnswers;
  readonly limits: StreamLimits;
  readonly metrics: StreamMetrics;
  readonly log: StreamLog;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}
