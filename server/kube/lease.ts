// One Lease as one candidate sees it: tries to get or renew it, and gives it back. How long another holder has been silent is
// measured on our own clock from the moment that we saw its last renewal, so clocks of machines need not agree.

import type { Clock } from '../../ca/clock.ts';
import { KubeError } from '../../discovery/source/kube/kube-error.ts';
import type { StoredObject } from './kube-object.ts';
import { leaseObject, leasesOf, readLease, type LeaseRecord } from './lease-record.ts';
import type { PrimaryClient } from './primary-client.ts';

export interface LeaseOptions {
  readonly client: PrimaryClient;
  readonly name: string;
  /** Unique among all candidates, also after a restart. */
  readonly holder: string;
  readonly termMs: number;
  /** Never set by anybody. */
  readonly clock: Clock;
}

export type LeaseAttempt =
  /** `sinceMs`: before it was asked for; the term counts from there. */
  | { readonly kind: 'held'; readonly sinceMs: number }
  | { readonly kind: 'other'; readonly holder: string }
  | { readonly kind: 'failed'; readonly error: KubeError };

interface Seen {
  readonly resourceVersion: string;
  readonly atMs: number;
}

export class Lease {
  readonly #options: LeaseOptions;
  #seen: Seen | undefined;
  #held: { readonly record: LeaseRecord; readonly resourceVersion: string } | undefined;

  constructor(options: LeaseOptions) {
    this.#options = options;
  }

  /** Gets the Lease, renews it, or tells who has it. Never rejects. */
  async attempt(signal: AbortSignal): Promise<LeaseAttempt> {
    const { client, name, holder, termMs, clock } = this.#options;
    const sinceMs = clock.now();
    const mine = { holder, termMs, acquiredAtMs: sinceMs, renewedAtMs: sinceMs, transitions: 0 };
    const place = leasesOf(client.systemNamespace);
    const found = await client.get(place, name, signal);
    if (found instanceof KubeError) {
      if (found.code !== 'absent') return { kind: 'failed', error: found };
      const at = { namespace: client.systemNamespace, name };
      return this.#took(await client.create(place, leaseObject(mine, at), signal), mine, sinceMs);
    }
    const record = readLease(found);
    if (record.holder !== holder && !this.#isOver(record, found)) return { kind: 'other', holder: record.holder };
    const next: LeaseRecord =
      record.holder === holder
        ? { ...mine, acquiredAtMs: record.acquiredAtMs, transitions: record.transitions }
        : { ...mine, transitions: record.transitions + 1 };
    const at = { namespace: client.systemNamespace, name, resourceVersion: found.resourceVersion };
    return this.#took(await client.replace(place, leaseObject(next, at), signal), next, sinceMs);
  }

  /** Gives it back, if it was ours at the last attempt, so that the next candidate need not wait for the end of the term. */
  async release(signal: AbortSignal): Promise<void> {
    const held = this.#held;
    this.#held = undefined;
    if (held === undefined) return;
    const { client, name, clock } = this.#options;
    const free = { ...held.record, holder: '', termMs: 1000, renewedAtMs: clock.now() };
    const at = { namespace: client.systemNamespace, name, resourceVersion: held.resourceVersion };
    // When it fails the Lease has another holder already, or ends by itself.
    await client.replace(leasesOf(client.systemNamespace), leaseObject(free, at), signal);
  }

  #isOver(record: LeaseRecord, { resourceVersion }: StoredObject): boolean {
    const nowMs = this.#options.clock.now();
    this.#held = undefined;
    if (this.#seen?.resourceVersion !== resourceVersion) this.#seen = { resourceVersion, atMs: nowMs };
    return record.holder === '' || nowMs >= this.#seen.atMs + record.termMs;
  }

  /** A conflict means that another candidate was quicker: the next attempt tells who. */
  #took(written: StoredObject | KubeError, record: LeaseRecord, sinceMs: number): LeaseAttempt {
    if (written instanceof KubeError) return { kind: 'failed', error: written };
    this.#held = { record, resourceVersion: written.resourceVersion };
    return { kind: 'held', sinceMs };
  }
}
