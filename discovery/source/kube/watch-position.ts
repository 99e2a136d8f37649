// How far one feed has followed its API server: the resource version that a watch goes on from, whose it is, and when everything is to be
// compared with a list again. In: lists and events as they come. Out: from where to watch, or that a list is due.

import { jittered, type Random } from './back-off.ts';
import type { Clock } from './clock.ts';
import { KubeError } from './kube-error.ts';
import type { KubeTimings } from './timings.ts';

export class WatchPosition {
  readonly #timings: KubeTimings;
  readonly #clock: Clock;
  readonly #random: Random;
  #resourceVersion: string | undefined;
  #answeredBy: string | undefined;
  #relistAtMs = 0;

  constructor({ timings, clock, random }: { timings: KubeTimings; clock: Clock; random: Random }) {
    this.#timings = timings;
    this.#clock = clock;
    this.#random = random;
  }

  /** Undefined: nothing was listed, or it was lost. */
  get resourceVersion(): string | undefined {
    return this.#resourceVersion;
  }

  /** Milliseconds since the epoch. */
  get relistAtMs(): number {
    return this.#relistAtMs;
  }

  get isListDue(): boolean {
    return this.#resourceVersion === undefined || this.#clock.now() >= this.#relistAtMs;
  }

  /** `answeredBy`: the API server that is listed, of which its resource versions are. */
  beginList(answeredBy: string | undefined): void {
    this.#answeredBy = answeredBy;
  }

  endList(resourceVersion: string): void {
    this.#resourceVersion = resourceVersion;
    this.#relistAtMs = this.#clock.now() + jittered(this.#timings.relistMs, this.#random);
  }

  /** @throws KubeError when a watch from here is answered by another API server than the list */
  requireSameServer(answeredBy: string | undefined): void {
    if (answeredBy === this.#answeredBy) return;
    // Its resource versions are others: it may take ours for one that is still to come, and keep quiet until then.
    throw new KubeError('expired', 'the credentials lead to another API server than before');
  }

  /** @throws KubeError when the server went back */
  advance(resourceVersion: string): void {
    if (isOlder(resourceVersion, this.#resourceVersion)) {
      throw new KubeError('expired', 'the API server has an older state than it had: it was restored or replaced');
    }
    this.#resourceVersion = resourceVersion;
  }

  /** The next thing is a list. */
  lose(): void {
    this.#resourceVersion = undefined;
  }

  /** After a failure: after an outage a list is due sooner, and one that failed is tried again later: until then the watch goes on from here. */
  failed({ code }: KubeError): void {
    if (this.#resourceVersion === undefined) return;
    const { relistMs, relistAfterOutageMs } = this.#timings;
    const now = this.#clock.now();
    const isOutage = code === 'unreachable' || code === 'stalled';
    const atMs = now + jittered(isOutage ? relistAfterOutageMs : relistMs, this.#random);
    this.#relistAtMs = this.#relistAtMs <= now ? atMs : Math.min(this.#relistAtMs, atMs);
  }
}

/** Resource versions can be compared when they are numbers. */
function isOlder(resourceVersion: string, than: string | undefined): boolean {
  if (than === undefined || !/^\d+$/.test(resourceVersion) || !/^\d+$/.test(than)) return false;
  return BigInt(resourceVersion) < BigInt(than);
}
