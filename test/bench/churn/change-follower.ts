// Which numbered change has reached all proxies that it concerns, and when. In: what each proxy received. Out: the changes
// that are complete. Change n is one of service n modulo the services, and that service is in a namespace by the same rule,
// so nobody needs to announce what is to come.

import { changeIn } from './marker.ts';

export interface FollowOptions {
  /** Services that change in turn. */
  readonly services: number;
  readonly namespaces: number;
  readonly proxies: number;
}

export interface Reached {
  readonly nth: number;
  /** Of the machine's monotonic clock: the last proxy has it, or a newer one of the same service. */
  readonly atMs: number;
}

export interface Progress {
  /** Since the last time. */
  readonly reached: readonly Reached[];
  /** Of all changes so far, those that some proxy never saw, as it was sent a newer one. */
  readonly folded: number;
}

const rememberedVersions = 10_000;

export class ChangeFollower {
  readonly #options: FollowOptions;
  /** By proxy: the newest change of each service. */
  readonly #newest: readonly Map<number, number>[];
  /** By change: proxies that lack it. */
  readonly #lacking = new Map<number, number>();
  readonly #folded = new Set<number>();
  readonly #changes = new Map<string, number | undefined>();
  #reached: Reached[] = [];

  constructor(options: FollowOptions) {
    this.#options = options;
    this.#newest = Array.from({ length: options.proxies }, () => new Map());
  }

  /** An assignment came to a proxy. Equal versions are equal bytes: searched once. */
  received(proxy: number, { version, body }: { readonly version: string; readonly body: Buffer }, atMs: number): void {
    if (this.#changes.size > rememberedVersions) this.#changes.clear();
    const nth = this.#changes.has(version) ? this.#changes.get(version) : changeIn(body);
    this.#changes.set(version, nth);
    if (nth !== undefined) this.arrived(proxy, nth, atMs);
  }

  /** A change came to a proxy, and with it all older ones of the same service that it had not been sent. */
  arrived(proxy: number, nth: number, atMs: number): void {
    const { services } = this.#options;
    const service = nth % services;
    const newest = this.#newest[proxy];
    for (let change = (newest?.get(service) ?? service - services) + services; change <= nth; change += services) {
      if (change < nth) this.#folded.add(change);
      const lacking = (this.#lacking.get(change) ?? this.#concerned(service)) - 1;
      if (lacking > 0) this.#lacking.set(change, lacking);
      else {
        this.#lacking.delete(change);
        this.#reached.push({ nth: change, atMs });
      }
      newest?.set(service, change);
    }
  }

  progress(): Progress {
    const reached = this.#reached;
    this.#reached = [];
    return { reached, folded: this.#folded.size };
  }

  #concerned(service: number): number {
    const { namespaces, proxies } = this.#options;
    return Math.ceil((proxies - (service % namespaces)) / namespaces);
  }
}
