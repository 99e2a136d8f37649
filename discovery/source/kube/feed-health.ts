// How one feed is doing: whether the server is heard at this moment, whether the first list is complete, and what status pages
// and metrics show of it. In: what happened. Out: a status, and a call when `alive` or `settled` may have changed.

import type { Clock } from './clock.ts';
import type { FeedCounts, FeedPhase, FeedStatus } from './feed-status.ts';
import { describeFeed, type Feed } from './feeds.ts';
import type { KubeError } from './kube-error.ts';

export interface FeedHealthOptions {
  readonly feed: Feed;
  readonly clock: Clock;
  /** Objects told and not gone. */
  readonly countObjects: () => number;
  readonly onChange: () => void;
}

export class FeedHealth {
  readonly #options: FeedHealthOptions;
  readonly #counts: { -readonly [count in keyof FeedCounts]: number } = {
    lists: 0,
    watches: 0,
    failures: 0,
    events: 0,
    oversized: 0,
  };
  #phase: FeedPhase = 'connecting';
  #alive = false;
  #settled = false;
  #version: string | undefined;
  #lastError: KubeError | undefined;
  #lastEventAtMs: number | undefined;
  #lastHeardAtMs: number | undefined;

  constructor(options: FeedHealthOptions) {
    this.#options = options;
  }

  /** The server is heard at this moment. */
  get alive(): boolean {
    return this.#alive;
  }

  /** The first list is complete, or it is known that there is none to wait for. */
  get settled(): boolean {
    return this.#settled;
  }

  get lastError(): KubeError | undefined {
    return this.#lastError;
  }

  get lastHeardAtMs(): number | undefined {
    return this.#lastHeardAtMs;
  }

  get counts(): FeedCounts {
    return this.#counts;
  }

  status(): FeedStatus {
    const { feed, countObjects } = this.#options;
    return {
      feed: describeFeed(feed),
      kind: feed.kind.kind,
      version: this.#version,
      phase: this.#phase,
      objects: countObjects(),
      lastEventAtMs: this.#lastEventAtMs,
      lastHeardAtMs: this.#lastHeardAtMs,
      lastError: this.#lastError?.message,
      counts: { ...this.#counts },
    };
  }

  count(what: keyof FeedCounts): void {
    this.#counts[what] += 1;
    if (what === 'events') this.#lastEventAtMs = this.#options.clock.now();
  }

  heard(): void {
    this.#lastHeardAtMs = this.#options.clock.now();
  }

  served(version: string | undefined): void {
    this.#version = version;
  }

  follows(phase: 'listing' | 'watching'): void {
    this.#phase = phase;
    this.#alive = true;
    this.#lastError = undefined;
    this.#options.onChange();
  }

  settle(): void {
    this.#settled = true;
    this.#options.onChange();
  }

  absent(): void {
    this.#phase = 'absent';
    this.#alive = false;
    this.#lastError = undefined;
    this.#options.onChange();
  }

  /** `isSettled`: it is not worth waiting for. */
  failed(error: KubeError, isSettled: boolean): void {
    this.#phase = error.code === 'forbidden' ? 'forbidden' : 'failing';
    this.#alive = false;
    this.#lastError = error;
    this.#settled ||= isSettled;
    this.count('failures');
    this.#options.onChange();
  }

  stopped(): void {
    this.#alive = false;
  }
}
