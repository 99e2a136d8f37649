// Virtual addresses for hosts that have none somewhere: of `240.240.0.0/16` and `2001:2::/48`. In: hosts that come and go.
// Out: for each host its addresses, which depend on the set of hosts alone, so that every replica and instance, and each after a
// restart, gives the same ones, whatever the order in which it learnt of them.
//
// IPv6: 80 bits of the host's hash. IPv4 has room for few, so hosts meet. Each host has its own order of places to try, and all
// hosts are ranked, both by its hash; in a place that several want stays the one that ranks first, the others try their next.
// Because the ranking is one for all places there is exactly one such arrangement. A host that comes or goes moves only
// hosts that rank after it and want its place: at 1,000 hosts that is one in 130 of those that come or go.

import { createHash } from 'node:crypto';
import ipaddr from 'ipaddr.js';
import type { Hostname } from '../model/names.ts';

/** A prime, so that every step visits every place: the greatest up to 256 times 254, since no last octet is 0 or 255. */
const placeCount = 65_011;

/** Who lost that often gets no IPv4 address. Among 60,000 hosts that is one in 170, among 30,000 none. */
const maxTries = 64;

interface Claimant {
  readonly host: Hostname;
  /** Unique; the lower one stays. */
  readonly rank: string;
  readonly first: number;
  readonly step: number;
  readonly ipv6: string;
  /** Which of its places it has: the first is 0; `maxTries` when none. */
  tries: number;
}

export class AllocatedAddresses {
  readonly #claimants = new Map<Hostname, Claimant>();
  readonly #holders = new Map<number, Claimant>();
  /** By place: those who would rather be there. */
  readonly #waiting = new Map<number, Set<Claimant>>();
  #moved = new Set<Hostname>();

  /** Adds and removes hosts; returns those of which the addresses are new, others or gone. Names that say nothing new are ignored. */
  update(changes: Iterable<readonly [host: Hostname, isThere: boolean]>): ReadonlySet<Hostname> {
    this.#moved = new Set();
    for (const [host, isThere] of changes) {
      const known = this.#claimants.get(host);
      if (isThere && known === undefined) this.#add(claimantOf(host));
      else if (!isThere && known !== undefined) this.#remove(known);
    }
    return this.#moved;
  }

  has(host: Hostname): boolean {
    return this.#claimants.has(host);
  }

  /** IPv4, when there is one, before IPv6; empty for a host that was not added. */
  of(host: Hostname): readonly string[] {
    const claimant = this.#claimants.get(host);
    if (claimant === undefined) return [];
    return claimant.tries < maxTries ? [ipv4At(placeOf(claimant, claimant.tries)), claimant.ipv6] : [claimant.ipv6];
  }

  #add(added: Claimant): void {
    this.#claimants.set(added.host, added);
    let claimant = added;
    while (claimant.tries < maxTries) {
      const place = placeOf(claimant, claimant.tries);
      const holder = this.#holders.get(place);
      if (holder === undefined || claimant.rank < holder.rank) {
        this.#holders.set(place, claimant);
        this.#moved.add(claimant.host);
        if (holder === undefined) return;
        claimant = holder;
      }
      const waiting = this.#waiting.get(place) ?? new Set();
      this.#waiting.set(place, waiting.add(claimant));
      claimant.tries += 1;
    }
    this.#moved.add(claimant.host);
  }

  #remove(removed: Claimant): void {
    this.#claimants.delete(removed.host);
    this.#moved.add(removed.host);
    let freed = this.#leave(removed, 0);
    while (freed !== undefined) {
      const next = firstOf(this.#waiting.get(freed));
      if (next === undefined) return;
      const tries = triesUntil(next, freed);
      const left = this.#leave(next, tries);
      next.tries = tries;
      this.#holders.set(freed, next);
      this.#moved.add(next.host);
      freed = left;
    }
  }

  /** Takes it from its place and from those from `tries` on where it waits; returns the place that is free now. */
  #leave(claimant: Claimant, tries: number): number | undefined {
    for (let index = tries; index < claimant.tries; index += 1) {
      const place = placeOf(claimant, index);
      const waiting = this.#waiting.get(place);
      waiting?.delete(claimant);
      if (waiting?.size === 0) this.#waiting.delete(place);
    }
    if (claimant.tries === maxTries) return undefined;
    const place = placeOf(claimant, claimant.tries);
    this.#holders.delete(place);
    return place;
  }
}

/** Addresses that are only tried: `undo` brings back what was. There is one arrangement for a set of hosts, so nothing is left behind. */
export class TentativeAddresses implements Pick<AllocatedAddresses, 'update' | 'of'> {
  readonly #addresses: AllocatedAddresses;
  readonly #before = new Map<Hostname, boolean>();

  constructor(addresses: AllocatedAddresses) {
    this.#addresses = addresses;
  }

  update(changes: Iterable<readonly [host: Hostname, isThere: boolean]>): ReadonlySet<Hostname> {
    const all = [...changes];
    for (const [host] of all) {
      if (!this.#before.has(host)) this.#before.set(host, this.#addresses.has(host));
    }
    return this.#addresses.update(all);
  }

  of(host: Hostname): readonly string[] {
    return this.#addresses.of(host);
  }

  undo(): void {
    this.#addresses.update(this.#before);
  }
}

function claimantOf(host: Hostname): Claimant {
  const hash = createHash('sha256').update(host).digest();
  return {
    host,
    rank: `${hash.toString('hex', 18, 26)} ${host}`,
    first: hash.readUInt32BE(10) % placeCount,
    step: 1 + (hash.readUInt32BE(14) % (placeCount - 1)),
    ipv6: ipaddr.fromByteArray([0x20, 0x01, 0x00, 0x02, 0x00, 0x00, ...hash.subarray(0, 10)]).toString(),
    tries: 0,
  };
}

function placeOf({ first, step }: Claimant, tries: number): number {
  return (first + step * tries) % placeCount;
}

function triesUntil(claimant: Claimant, place: number): number {
  let tries = 0;
  while (placeOf(claimant, tries) !== place) tries += 1;
  return tries;
}

function ipv4At(place: number): string {
  return `240.240.${String(Math.floor(place / 254))}.${String(1 + (place % 254))}`;
}

function firstOf(claimants: Iterable<Claimant> = []): Claimant | undefined {
  let first: Claimant | undefined;
  for (const claimant of claimants) if (first === undefined || claimant.rank < first.rank) first = claimant;
  return first;
}
