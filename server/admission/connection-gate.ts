// New connections in order of coming: each waits until the rate allows its handshake, the event loop keeps up, and those
// that came before are not waiting for their turns. In: accepted sockets that are not read yet. Out: admitted or closed.

import type { AdmissionLimits } from './admission-limits.ts';
import { TokenBucket } from './token-bucket.ts';

export interface Newcomer {
  /** It is read from now on. */
  admit(): void;
  /** It is closed. */
  refuse(): void;
}

export interface ConnectionGateCounts {
  admitted(waitedMs: number): void;
  refused(reason: 'full' | 'late'): void;
  /** A look at those that wait, and how late it was. */
  looked(lagMs: number): void;
}

export interface ConnectionGateOptions {
  readonly limits: AdmissionLimits;
  /** Those before the gate have more to do than they may. */
  readonly busy: () => boolean;
  /** Lateness of other processes that serve what is admitted. */
  readonly othersLagMs: () => number;
  readonly counts: ConnectionGateCounts;
  /** Milliseconds of a clock that only goes forward. */
  readonly now: () => number;
  /** Calls back after so many milliseconds. */
  readonly after: (ms: number, run: () => void) => void;
}

interface Waiting {
  readonly newcomer: Newcomer;
  readonly sinceMs: number;
}

/** Those that wait are looked at this often; how late a look is says how late the event loop is. */
const lookMs = 5;

/** Even when the loop is late all the time, one is admitted this often. */
const starvedMs = 1000;

export class ConnectionGate {
  readonly #options: ConnectionGateOptions;
  readonly #bucket: TokenBucket;
  /** A set for its order, and because it gives up its first one cheaply. */
  readonly #waiting = new Set<Waiting>();
  #looking = false;
  #admittedMs = 0;

  constructor(options: ConnectionGateOptions) {
    this.#options = options;
    this.#bucket = new TokenBucket(options.limits.handshakes, options.now);
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** Admits at once when nobody waits and the rate allows it. */
  enter(newcomer: Newcomer): void {
    const { limits, busy, counts, now } = this.#options;
    const entry = { newcomer, sinceMs: now() };
    if (this.#waiting.size === 0 && !busy() && this.#bucket.take()) this.#admit(entry);
    else if (this.#waiting.size >= limits.maxWaitingConnections) {
      counts.refused('full');
      newcomer.refuse();
    } else {
      this.#waiting.add(entry);
      this.#lookLater();
    }
  }

  #admit({ newcomer, sinceMs }: Waiting): void {
    this.#admittedMs = this.#options.now();
    this.#options.counts.admitted(this.#admittedMs - sinceMs);
    newcomer.admit();
  }

  #lookLater(): void {
    if (this.#looking) return;
    this.#looking = true;
    const { after, now } = this.#options;
    const dueMs = now() + lookMs;
    after(lookMs, () => {
      this.#looking = false;
      this.#look(now() - dueMs);
      if (this.#waiting.size > 0) this.#lookLater();
    });
  }

  #look(lagMs: number): void {
    const { limits, busy, othersLagMs, counts, now } = this.#options;
    const nowMs = now();
    counts.looked(lagMs);
    const late = Math.max(lagMs, othersLagMs()) > limits.maxLagMs;
    const starved = nowMs - this.#admittedMs >= starvedMs;
    let room = late ? Number(starved) : Number.POSITIVE_INFINITY;
    for (const entry of this.#waiting) {
      if (nowMs - entry.sinceMs >= limits.connectionPatienceMs) {
        this.#waiting.delete(entry);
        counts.refused('late');
        entry.newcomer.refuse();
        continue;
      }
      if (room === 0 || busy() || !this.#bucket.take()) break;
      room -= 1;
      this.#waiting.delete(entry);
      this.#admit(entry);
    }
  }
}
