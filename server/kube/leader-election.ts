// Of several replicas one does the work that writes, as long as it holds a Lease. In: the Lease and the work. The work is stopped
// before anybody else may begin it: its holder gives up sooner than others may take over.

import type { Clock } from '../../ca/clock.ts';
import type { KubeError } from '../../discovery/source/kube/kube-error.ts';
import type { Log } from '../log.ts';
import { Lease, type LeaseAttempt } from './lease.ts';
import type { PrimaryClient } from './primary-client.ts';
import { withinTime } from './time-limit.ts';

export interface LeaderTimings {
  /** How long the holder may be silent before another candidate takes over. Whole seconds, as the API has it. */
  readonly termMs: number;
  /** How long the holder may fail to renew before it stops its work. Less than the term. */
  readonly renewMs: number;
  /** How often candidates look, and the holder renews. */
  readonly retryMs: number;
}

/** As in Kubernetes' own components. */
export const defaultLeaderTimings: LeaderTimings = Object.freeze({ termMs: 15_000, renewMs: 10_000, retryMs: 2000 });

export interface LeaderElectionOptions {
  readonly client: PrimaryClient;
  readonly name: string;
  readonly holder: string;
  readonly timings: LeaderTimings;
  readonly clock: Clock;
  /** Numbers from 0 up to 1. */
  readonly random: () => number;
  readonly log: Log;
  /** Runs while the Lease is held; its signal aborts when it no longer is. */
  readonly work: (signal: AbortSignal) => Promise<void>;
}

export class LeaderElection {
  readonly #options: LeaderElectionOptions;
  readonly #lease: Lease;
  #complaint = '';
  #leading = false;

  constructor(options: LeaderElectionOptions) {
    this.#options = options;
    const { client, name, holder, timings, clock } = options;
    this.#lease = new Lease({ client, name, holder, termMs: timings.termMs, clock });
  }

  get leading(): boolean {
    return this.#leading;
  }

  /** A candidate until the signal aborts; then the work has stopped and the Lease is given back. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, timings } = this.#options;
    while (!signal.aborted) {
      const attempt = await this.#try(signal, timings.renewMs);
      if (attempt.kind === 'held') await this.#lead(attempt.sinceMs, signal);
      else await clock.sleep(this.#pauseMs(), signal);
    }
  }

  async #lead(sinceMs: number, signal: AbortSignal): Promise<void> {
    const { clock, timings, log, holder, work } = this.#options;
    const stop = new AbortController();
    const onAbort = (): void => stop.abort();
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    this.#leading = true;
    log.info({ holder }, 'this replica leads: it writes what one replica alone may write');
    const working = work(stop.signal).then(
      () => onAbort(),
      (error: unknown) => {
        log.error({ error }, 'the work of the leader failed');
        onAbort();
      },
    );
    let renewedAtMs = sinceMs;
    while (!stop.signal.aborted) {
      await clock.sleep(timings.retryMs, stop.signal);
      if (stop.signal.aborted) break;
      const attempt = await this.#try(stop.signal, renewedAtMs + timings.renewMs - clock.now());
      if (attempt.kind === 'held') renewedAtMs = attempt.sinceMs;
      if (attempt.kind === 'other' || clock.now() >= renewedAtMs + timings.renewMs) break;
    }
    signal.removeEventListener('abort', onAbort);
    this.#leading = false;
    stop.abort();
    await working;
    const wasAsked = signal.aborted;
    log[wasAsked ? 'info' : 'warn']({ holder }, 'this replica no longer leads');
    // Without the signal that may have aborted: that is the very reason for giving it back.
    await withinTime({ clock, limitMs: timings.retryMs }, (limit) => this.#lease.release(limit));
    if (!wasAsked) await clock.sleep(this.#pauseMs(), signal);
  }

  async #try(signal: AbortSignal, limitMs: number): Promise<LeaseAttempt> {
    const { clock } = this.#options;
    const attempt = await withinTime({ clock, limitMs, signal }, (limit) => this.#lease.attempt(limit));
    if (attempt.kind === 'failed' && !signal.aborted) this.#complain(attempt.error);
    if (attempt.kind !== 'failed') this.#complaint = '';
    return attempt;
  }

  #complain({ message: reason, code }: KubeError): void {
    // Two candidates wrote at once: that is how it is decided who leads.
    if (code === 'conflict' || reason === this.#complaint) return;
    this.#complaint = reason;
    this.#options.log.warn({ reason, lease: this.#options.name }, 'the Lease could not be read or renewed');
  }

  /** Spread, so that candidates do not look all at the same time. */
  #pauseMs(): number {
    return this.#options.timings.retryMs * (1 + this.#options.random() / 5);
  }
}
