// The key sets that RequestAuthentications ask for, fetched and kept fresh. One loop a place, each with one question in flight; what
// was read last stays when the place can't be read any more.

import type { Clock } from '../../ca/clock.ts';
import type { KeyLocation } from '../../discovery/model/policy.ts';
import { fetchKeySet } from './fetch-key-set.ts';
import { Places } from './places.ts';
import type { ReachableAddresses } from './reachable-addresses.ts';

export interface TokenKeysOptions {
  readonly clock: Clock;
  /** From 0 to 1. */
  readonly random: () => number;
  /** Told all key sets by `keyLocationId` when one of them is another. */
  readonly onChange: (keySets: ReadonlyMap<string, string>) => void;
  /** How long a key set is taken for current; 20 minutes if left out. */
  readonly refreshMs?: number | undefined;
  /** After the first failure; doubled by each further one up to a minute. 2 seconds if left out. */
  readonly retryMs?: number | undefined;
  /** Which addresses may be asked. */
  readonly addresses?: ReachableAddresses | undefined;
  /** Questions in flight; 8 if left out. */
  readonly maxQuestions?: number | undefined;
  /** Of all that is wanted, so many are asked for keys; 1,000 if left out. */
  readonly maxPlaces?: number | undefined;
}

export interface WantedKeys {
  readonly location: KeyLocation;
  readonly timeoutMs: number;
}

interface Followed {
  wanted: WantedKeys;
  readonly stop: AbortController;
}

interface Known {
  readonly keySet: string | undefined;
  /** Why the last question failed; undefined when it did not. */
  readonly failure: string | undefined;
}

const longestRetryMs = 60_000;

export class TokenKeys {
  readonly #options: TokenKeysOptions;
  readonly #followed = new Map<string, Followed>();
  /** Loops that have not ended, also those that are told to. */
  readonly #running = new Set<Promise<void>>();
  /** Of places that answered or failed at least once. */
  readonly #known = new Map<string, Known>();
  readonly #questions: Places;

  constructor(options: TokenKeysOptions) {
    this.#options = options;
    this.#questions = new Places(options.maxQuestions ?? 8);
  }

  /** Whether each place was asked at least once. */
  get settled(): boolean {
    return [...this.#followed.keys()].every((id) => this.#known.has(id));
  }

  /** Why the keys of a place could not be read when they were last asked for. */
  failureOf(id: string): { readonly reason: string; readonly hasKeys: boolean } | undefined {
    const { failure, keySet } = this.#known.get(id) ?? {};
    return failure === undefined ? undefined : { reason: failure, hasKeys: keySet !== undefined };
  }

  /** From now on these places, by `keyLocationId`, and no others. */
  want(places: ReadonlyMap<string, WantedKeys>): void {
    let isForgotten = false;
    for (const id of this.#known.keys()) {
      if (!places.has(id) && !this.#followed.has(id)) this.#known.delete(id);
    }
    for (const [id, followed] of this.#followed) {
      if (places.has(id)) continue;
      followed.stop.abort();
      this.#followed.delete(id);
      isForgotten = this.#known.delete(id) || isForgotten;
    }
    const { maxPlaces = 1000 } = this.#options;
    for (const [id, wanted] of places) {
      const followed = this.#followed.get(id);
      if (followed !== undefined) followed.wanted = wanted;
      else if (this.#followed.size < maxPlaces) this.#start(id, wanted);
      else this.#known.set(id, this.#failed(id, `keys are fetched from ${maxPlaces} places and no more`));
    }
    if (isForgotten) this.#tell();
  }

  /** No question is in flight any more. */
  async close(): Promise<void> {
    for (const { stop } of this.#followed.values()) stop.abort();
    this.#followed.clear();
    await Promise.all(this.#running);
  }

  #start(id: string, wanted: WantedKeys): void {
    const stop = new AbortController();
    this.#followed.set(id, { wanted, stop });
    const running = this.#follow(id, stop.signal).finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  async #follow(id: string, signal: AbortSignal): Promise<void> {
    const { clock, random, refreshMs = 20 * 60_000, retryMs = 2000, addresses } = this.#options;
    let failures = 0;
    for (;;) {
      const followed = this.#followed.get(id);
      if (followed === undefined || signal.aborted) return;
      const { location, timeoutMs } = followed.wanted;
      const read = await this.#questions.hold(async () =>
        signal.aborted ? undefined : fetchKeySet(location, { timeoutMs, signal, addresses }),
      );
      if (signal.aborted || read === undefined) return;
      failures = read.kind === 'keys' ? 0 : failures + 1;
      this.#take(
        id,
        read.kind === 'keys' ? { keySet: read.keySet, failure: undefined } : this.#failed(id, read.reason),
      );
      const pauseMs = failures === 0 ? refreshMs : Math.min(retryMs * 2 ** (failures - 1), longestRetryMs, refreshMs);
      // Spread over a fifth, so that replicas and places don't ask at once.
      await clock.sleep(pauseMs * (0.9 + 0.2 * random()), signal);
    }
  }

  #failed(id: string, failure: string): Known {
    return { keySet: this.#known.get(id)?.keySet, failure };
  }

  #take(id: string, next: Known): void {
    const before = this.#known.get(id);
    this.#known.set(id, next);
    if (before?.keySet !== next.keySet) this.#tell();
  }

  #tell(): void {
    const keySets = [...this.#known].flatMap(([id, { keySet }]) =>
      keySet === undefined ? [] : [[id, keySet] as const],
    );
    this.#options.onChange(new Map(keySets));
  }
}
