// How one feed is doing, for status pages and metrics.

export type FeedPhase = 'connecting' | 'listing' | 'watching' | 'absent' | 'forbidden' | 'failing';

export interface FeedStatus {
  /** The resource and what of it is selected, e.g. `pods with status.phase!=Failed`. */
  readonly feed: string;
  readonly kind: string;
  /** Undefined until the API version is known, and while the kind is not installed. */
  readonly version: string | undefined;
  readonly phase: FeedPhase;
  readonly objects: number;
  /** When the server last told a change, in milliseconds since the epoch. */
  readonly lastEventAtMs: number | undefined;
  /** When anything last came, bookmarks included. */
  readonly lastHeardAtMs: number | undefined;
  /** Why it is not followed at this moment. */
  readonly lastError: string | undefined;
  readonly counts: FeedCounts;
}

export interface FeedCounts {
  /** Complete lists, the first one included. */
  readonly lists: number;
  readonly watches: number;
  readonly failures: number;
  readonly events: number;
  /** Objects passed over because they were too large. */
  readonly oversized: number;
}
