// Which numbered change has reached all proxies that it concerns, and when. In: what each proxy received. Out: the changes
// that are complete. Change n is one of service n modulo the services, and that service is in a namespace by the same rule,
// so nobody needs to announce what is to come.

import { turnIn, turns, type Turn } from './gateway-weight.ts';
import { changeIn } from './marker.ts';

export interface FollowOptions {
  /** Services that change in turn. */
  readonly services: number;
  readonly namespaces: number;
  readonly proxies: number;
  /** Endpoints of each service behind a gateway, where services change there as well. */
  readonly remoteEndpoints?: number | undefined;
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
  readonly #told = new Map<string, number | Turn | undefined>();
  #reached: Reached[] = [];

  constructor(options: FollowOptions) {
    this.#options = options;
    this.#newest = Array.from({ length: options.proxies }, () => new Map());
  }

  /** An assignment came to a proxy. Equal versions are equal bytes: searched once. */
  received(proxy: number, { version, body }: { readonly version: string; readonly body: Buffer }, atMs: number): void {
    if (this.#told.size > rememberedVersions) this.#told.clear();
    const told = this.#told.has(version) ? this.#told.get(version) : this.#read(body);
    this.#told.set(version, told);
    if (told !== undefined) this.arrived(proxy, typeof told === 'number' ? told : this.#nextOf(told, proxy), atMs);
  }

  #read(body: Buffer): number | Turn | undefined {
    const { remoteEndpoints } = this.#options;
    return changeIn(body) ?? (remoteEndpoints === undefined ? undefined : turnIn(body, remoteEndpoints));
  }

  /** The change of that turn which comes next to the proxy. */
  #nextOf({ service, turn }: Turn, proxy: number): number {
    const { services } = this.#options;
    let nth = (this.#newest[proxy]?.get(service) ?? service - services) + services;
    while (Math.floor(nth / services) % turns !== turn) nth += services;
    return nth;
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
