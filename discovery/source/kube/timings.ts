// The times and sizes of a source on an API server, with their defaults.

export interface KubeTimings {
  /** First and longest wait after failures in a row. */
  readonly backOffFirstMs: number;
  readonly backOffLongestMs: number;
  /** How often a kind that stays forbidden is tried again, in the end. */
  readonly forbiddenRetryMs: number;
  /** How often a kind that is not installed is looked for. */
  readonly rediscoverMs: number;
  /** How long a kind must be seen as not installed before its objects count as gone. */
  readonly absentGraceMs: number;
  /** How often everything is listed and compared, whatever the watches told. */
  readonly relistMs: number;
  /** The same after an outage, when another server, or an older state, may answer. */
  readonly relistAfterOutageMs: number;
  /** How long the server keeps a watch: between this and twice this. */
  readonly watchMs: number;
  /** A watch without a byte for this long is opened again. The server sends a bookmark every minute. */
  readonly stallMs: number;
  /** How long a connection may take, its TLS included. */
  readonly connectTimeoutMs: number;
  /** How long an answer may take to begin. */
  readonly answerTimeoutMs: number;
  /** When nothing came on any watch for this long, the server is asked whether it lives. */
  readonly probeMs: number;
  /** How long its answer may take. Without one it is asked once more before it counts as lost. */
  readonly probeTimeoutMs: number;
  readonly pageSize: number;
  readonly maxPageBytes: number;
  /** A larger object is passed over. An API server refuses objects above 1.5 MiB by default. */
  readonly maxObjectBytes: number;
}

export const defaultTimings: KubeTimings = Object.freeze({
  backOffFirstMs: 200,
  backOffLongestMs: 30_000,
  forbiddenRetryMs: 60_000,
  rediscoverMs: 30_000,
  absentGraceMs: 30_000,
  relistMs: 600_000,
  relistAfterOutageMs: 60_000,
  watchMs: 300_000,
  stallMs: 150_000,
  connectTimeoutMs: 5_000,
  answerTimeoutMs: 15_000,
  probeMs: 5_000,
  probeTimeoutMs: 4_000,
  pageSize: 500,
  maxPageBytes: 128 * 1024 * 1024,
  maxObjectBytes: 8 * 1024 * 1024,
});
