// Probes the gateways of other networks, each on its own rhythm, apart from what their API servers say. In: the gateways of the
// mesh as they change. Out: which sockets are dead at present, told whenever that changes.

import type { Clock } from '../../ca/clock.ts';
import { socketOf } from '../../discovery/model/network-gateway.ts';
import { afterProbe, firstState, type ProbeState } from './probe-state.ts';
import type { Probe, ProbeTarget } from './tcp-probe.ts';

export interface GatewayProberOptions {
  readonly probe: Probe;
  readonly clock: Clock;
  /** In [0, 1): spreads probes so that instances don't knock in step. */
  readonly random: () => number;
  readonly intervalMs: number;
  /** Probes under way at once. */
  readonly maxConcurrent: number;
  /** Gets the sockets (`socketOf`) of the gateways that are dead now. */
  readonly onDead: (sockets: ReadonlySet<string>) => void;
  readonly onProbed?: ((result: 'success' | 'failure') => void) | undefined;
}

interface Probed {
  state: ProbeState;
  readonly stop: AbortController;
  readonly done: Promise<void>;
}

export class GatewayProber {
  readonly #options: GatewayProberOptions;
  readonly #gateways = new Map<string, Probed>();
  readonly #waiting: (() => void)[] = [];
  #running = 0;
  #closed = false;

  constructor(options: GatewayProberOptions) {
    this.#options = options;
  }

  /** Probes these from now on and no others; what is known of one that stays is kept. */
  update(targets: Iterable<ProbeTarget>): void {
    if (this.#closed) return;
    const wanted = new Map([...targets].map((target) => [socketOf(target), target]));
    for (const [socket, probed] of this.#gateways) {
      if (wanted.has(socket)) continue;
      probed.stop.abort();
      this.#gateways.delete(socket);
    }
    for (const [socket, target] of wanted) if (!this.#gateways.has(socket)) this.#start(socket, target);
    this.#tell();
  }

  /** What is known of a gateway; undefined when it is not probed. */
  state(target: ProbeTarget): ProbeState | undefined {
    return this.#gateways.get(socketOf(target))?.state;
  }

  /** Resolves when no probe is under way any more. */
  async close(): Promise<void> {
    this.#closed = true;
    const all = [...this.#gateways.values()];
    for (const { stop } of all) stop.abort();
    await Promise.all(all.map(({ done }) => done));
    this.#gateways.clear();
  }

  #start(socket: string, target: ProbeTarget): void {
    const stop = new AbortController();
    const state = firstState(this.#options.clock.now());
    this.#gateways.set(socket, { state, stop, done: this.#follow(socket, target, stop.signal) });
  }

  async #follow(socket: string, target: ProbeTarget, signal: AbortSignal): Promise<void> {
    const { clock, probe, intervalMs, random } = this.#options;
    // The caller's list is complete before the first probe.
    await Promise.resolve();
    while (!signal.aborted) {
      await this.#enter();
      const error = signal.aborted ? undefined : await probe(target, signal);
      this.#leave();
      const probed = this.#gateways.get(socket);
      if (signal.aborted || probed === undefined) return;
      this.#options.onProbed?.(error === undefined ? 'success' : 'failure');
      const before = probed.state;
      probed.state = afterProbe(before, error, clock.now());
      if (probed.state.verdict !== before.verdict) this.#tell();
      // A doubt is settled quickly: a dead gateway should be out within seconds.
      const pauseMs = probed.state.against > 0 ? Math.min(1_000, intervalMs / 5) : intervalMs;
      await clock.sleep(pauseMs * (0.8 + 0.4 * random()), signal);
    }
  }

  #tell(): void {
    const dead = [...this.#gateways].filter(([, { state }]) => state.verdict === 'unreachable');
    this.#options.onDead(new Set(dead.map(([socket]) => socket)));
  }

  async #enter(): Promise<void> {
    if (this.#running < this.#options.maxConcurrent) this.#running += 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  /** The place goes to who waited longest. */
  #leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#running -= 1;
    else next();
  }
}
