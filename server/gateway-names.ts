// Host names that stand for gateways, such as those of load balancers, kept resolved. In: names, as they are asked for. Out: what
// is known of each at once, and a call when that has changed. Addresses of before stay while a name can't be resolved; a name
// that nobody asks for any more is forgotten.

import { isDeepStrictEqual } from 'node:util';
import { unknownName, type ResolvedName } from '../discovery/model/resolved-name.ts';
import { backOffMs, jittered, type Random } from '../discovery/source/kube/back-off.ts';
import type { Clock } from '../discovery/source/kube/clock.ts';
import type { LookUpName } from './look-up-name.ts';

export interface GatewayNamesOptions {
  readonly lookUp: LookUpName;
  readonly clock: Clock;
  readonly random: Random;
  /** What `resolve` answers has changed: whoever uses a name asks for it again at once. */
  readonly onChange: () => void;
}

interface Name {
  known: ResolvedName;
  isAsked: boolean;
}

/** Records may ask for any time; a second is too often for a gateway, and a day too seldom. */
const shortestMs = 5_000;
const longestMs = 60_000;
const backOff = { firstMs: 1_000, longestMs: 30_000 } as const;
/** More gateways than any mesh has: a bound against nonsense. */
const maxNames = 1_000;

export class GatewayNames {
  readonly #options: GatewayNamesOptions;
  readonly #names = new Map<string, Name>();
  readonly #tasks = new Set<Promise<void>>();
  readonly #stop = new AbortController();

  constructor(options: GatewayNamesOptions) {
    this.#options = options;
  }

  /** Every name that was asked for has been answered, one way or the other. */
  get settled(): boolean {
    return [...this.#names.values()].every(({ known }) => known !== unknownName);
  }

  /** What is known now. The first question begins to look the name up. */
  resolve(hostname: string): ResolvedName {
    const name = this.#names.get(hostname);
    if (name !== undefined) {
      name.isAsked = true;
      return name.known;
    }
    if (this.#names.size >= maxNames) {
      return { addresses: [], error: `more than ${maxNames} names of gateways are not resolved` };
    }
    if (!this.#stop.signal.aborted) this.#begin(hostname);
    return unknownName;
  }

  /** What is known now; nobody looks the name up for this. */
  peek(hostname: string): ResolvedName {
    return this.#names.get(hostname)?.known ?? unknownName;
  }

  /** Nothing is asked any more. */
  async close(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#tasks);
  }

  #begin(hostname: string): void {
    const name: Name = { known: unknownName, isAsked: true };
    this.#names.set(hostname, name);
    const task = this.#follow(hostname, name);
    this.#tasks.add(task);
    void task.finally(() => this.#tasks.delete(task));
  }

  async #follow(hostname: string, name: Name): Promise<void> {
    const { clock, random, onChange } = this.#options;
    const { signal } = this.#stop;
    let failures = 0;
    while (!signal.aborted) {
      let waitMs: number;
      try {
        const { addresses, ttlMs = shortestMs } = await this.#lookUp(hostname);
        failures = 0;
        waitMs = jittered(Math.min(longestMs, Math.max(shortestMs, ttlMs)), random);
        this.#learn(name, { addresses });
      } catch (error) {
        failures += 1;
        waitMs = backOffMs(backOff, failures, random);
        this.#learn(name, { addresses: name.known.addresses, error: messageOf(error) });
      }
      await clock.sleep(waitMs, signal);
      if (signal.aborted) return;
      name.isAsked = false;
      onChange();
      if (!name.isAsked) {
        this.#names.delete(hostname);
        return;
      }
    }
  }

  /** Stopping does not wait for a name server. */
  async #lookUp(hostname: string): Promise<Awaited<ReturnType<LookUpName>>> {
    const { promise, reject } = Promise.withResolvers<never>();
    const onAbort = (): void => reject(new Error('stopped'));
    this.#stop.signal.addEventListener('abort', onAbort, { once: true });
    try {
      return await Promise.race([this.#options.lookUp(hostname), promise]);
    } finally {
      this.#stop.signal.removeEventListener('abort', onAbort);
    }
  }

  #learn(name: Name, known: ResolvedName): void {
    if (this.#stop.signal.aborted || isDeepStrictEqual(name.known, known)) return;
    name.known = known;
    this.#options.onChange();
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
