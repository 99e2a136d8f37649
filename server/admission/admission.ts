// The door of an instance: what connects, opens streams and asks goes through here, so that those who are connected get
// their pushes in time. One for all gRPC ports.

import type { Call, CallHandler } from '../grpc/call.ts';
import type { GrpcStatus } from '../grpc/status.ts';
import type { AdmissionLimits } from './admission-limits.ts';
import { ClientBudgets } from './client-budgets.ts';
import { ConnectionGate, type ConnectionGateCounts, type Newcomer } from './connection-gate.ts';
import { RequestPace } from './request-pace.ts';
import { Turns } from './turns.ts';

export interface AdmissionCounts extends ConnectionGateCounts {
  streamAdmitted(waitedMs: number): void;
  streamRefused(reason: 'full' | 'late'): void;
  requestDelayed(): void;
  messageRefused(): void;
}

export interface AdmissionClock {
  /** Milliseconds of a clock that only goes forward. */
  readonly now: () => number;
  readonly after: (ms: number, run: () => void) => void;
  /** Calls back once the events that wait now are handled. */
  readonly afterEvents: (run: () => void) => void;
}

/** Timers don't keep the process: what waits for them is held by its socket. */
export const admissionClock: AdmissionClock = Object.freeze({
  now: () => performance.now(),
  after: (ms: number, run: () => void) => void setTimeout(run, ms).unref(),
  afterEvents: (run: () => void) => void setImmediate(run),
});

/** Other processes that serve what is admitted. */
export interface Servants {
  /** One of them can take a connection. */
  readonly ready: boolean;
  /** Lateness of the one that is the least late. */
  readonly lagMs: number;
}

export interface AdmissionOptions {
  readonly limits: AdmissionLimits;
  readonly counts: AdmissionCounts;
  /** Absent: this process serves connections itself. */
  readonly servants?: Servants | undefined;
  readonly clock?: AdmissionClock | undefined;
}

const busy: GrpcStatus = Object.freeze({
  code: 'RESOURCE_EXHAUSTED',
  message: 'more clients connect than this instance can serve at once; connect to another one, or later',
});

export class Admission {
  readonly #options: AdmissionOptions;
  readonly #clock: AdmissionClock;
  readonly #turns: Turns;
  readonly #gate: ConnectionGate;
  readonly #budgets: ClientBudgets;
  #waitingStreams = 0;

  constructor(options: AdmissionOptions) {
    const { limits, counts, servants, clock = admissionClock } = options;
    this.#options = options;
    this.#clock = clock;
    this.#turns = new Turns({ ...limits, ...clock });
    this.#budgets = new ClientBudgets({ limits, now: clock.now, after: clock.after });
    const isBusy = (): boolean => this.#turns.waiting >= limits.maxWaitingTurns || servants?.ready === false;
    const othersLagMs = (): number => servants?.lagMs ?? 0;
    this.#gate = new ConnectionGate({ limits, counts, ...clock, busy: isBusy, othersLagMs });
  }

  get waiting(): { readonly connections: number; readonly streams: number; readonly turns: number } {
    return { connections: this.#gate.waiting, streams: this.#waitingStreams, turns: this.#turns.waiting };
  }

  /** Whose requests are remembered: those with open streams, and those that have asked for much lately. */
  get remembered(): { readonly clients: number; readonly connections: number } {
    return this.#budgets.size;
  }

  /** A connection that was accepted and not read yet. */
  connection(newcomer: Newcomer): void {
    this.#gate.enter(newcomer);
  }

  /** The same methods; each call waits for its turn, and then its requests do. */
  methods(handlers: ReadonlyMap<string, CallHandler>): ReadonlyMap<string, CallHandler> {
    return new Map([...handlers].map(([path, handler]) => [path, (call) => this.#call(call, handler)]));
  }

  #call(call: Call, handler: CallHandler): void {
    const { limits, counts } = this.#options;
    const { now } = this.#clock;
    if (this.#waitingStreams >= limits.maxWaitingStreams) {
      counts.streamRefused('full');
      call.interrupt(busy);
      return;
    }
    const sinceMs = now();
    this.#waitingStreams += 1;
    this.#turns.take(() => {
      this.#waitingStreams -= 1;
      if (call.ended) return;
      const waitedMs = now() - sinceMs;
      if (waitedMs >= limits.streamPatienceMs) {
        counts.streamRefused('late');
        call.interrupt(busy);
        return;
      }
      counts.streamAdmitted(waitedMs);
      call.pace(this.#paceOf(call));
      call.serve(handler);
    });
  }

  #paceOf(call: Call): RequestPace {
    return new RequestPace({
      limits: this.#options.limits,
      joined: this.#budgets.join(call),
      turns: this.#turns,
      delayed: () => this.#options.counts.requestDelayed(),
      heldTooMuch: () => this.#options.counts.messageRefused(),
      refuse: (status) => call.interrupt(status),
      now: this.#clock.now,
      after: this.#clock.after,
    });
  }
}
