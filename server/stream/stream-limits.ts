// What one stream may cost, at most. Whoever exceeds a limit is ended or held up alone.

export interface StreamLimits {
  /**
   * A delta response is closed at this size; the next one goes when it is answered. The transport cuts it into pieces, so what a
   * connection holds does not follow from it.
   */
  readonly maxResponseBytes: number;
  /** Time in which the transport must take a response before its reader counts as gone. */
  readonly writeTimeoutMs: number;
  /** Time for which an unanswered response holds up what should come after it. */
  readonly orderTimeoutMs: number;
  /** Names that one type of one stream may ask for. */
  readonly maxNames: number;
  /** Types that one stream may ask for. */
  readonly maxTypes: number;
  /** Removals that wait for listeners and routes; with more than that they go unordered. */
  readonly maxWithheldRemovals: number;
}

export const defaultStreamLimits: StreamLimits = Object.freeze({
  maxResponseBytes: 256 * 1024,
  writeTimeoutMs: 30_000,
  orderTimeoutMs: 10_000,
  maxNames: 100_000,
  maxTypes: 64,
  maxWithheldRemovals: 10_000,
});
