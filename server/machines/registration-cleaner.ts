// Removes entries of machines that are gone; done by the leader alone. In: what the primary tells of entries. Out: one removal for each,
// after the grace period, at the version that was judged, so that a machine which came back meanwhile stays.
//
// A replica that crashed leaves entries behind that look connected. So from time to time one entry of each replica is doubted: it is
// marked as left. A replica that lives has the stream and claims it back; when nobody does until the grace period is over, all entries of
// that replica are doubted.

import type { Clock } from '../../ca/clock.ts';
import { KubeError } from '../../discovery/source/kube/kube-error.ts';
import { textOf } from '../kube/kube-object.ts';
import type { Log } from '../log.ts';
import type { EntryStore } from './entry-store.ts';
import type { HeardEntry, HeardMachines } from './heard-machines.ts';
import { connectedAtMs, controllerOf, disconnectedAtMs, doubted } from './machine-entry.ts';

export interface CleanerOptions {
  readonly store: EntryStore;
  readonly heard: Pick<HeardMachines, 'entries' | 'entry'>;
  /** This replica, which knows of its own entries. */
  readonly controller: string;
  /** How long a machine may be without a stream. */
  readonly graceMs: number;
  readonly clock: Clock;
  readonly log: Log;
}

/** As long as Istio gives a machine. */
export const defaultGraceMs = 10_000;
const lookMs = 1000;
/** Writes of one look; the rest comes with the next. */
const maxWrites = 20;

interface Left {
  readonly disconnectedAtMs: number;
  /** On this replica's own clock: clocks of replicas differ, and a new leader gives everybody time to come back. */
  readonly sinceMs: number;
}

/** Until the signal aborts. */
export async function cleanRegistrations(options: CleanerOptions, signal: AbortSignal): Promise<void> {
  const cleaner = new RegistrationCleaner(options);
  while (!signal.aborted) {
    await cleaner.look(signal);
    if (!signal.aborted) await options.clock.sleep(lookMs, signal);
  }
}

export class RegistrationCleaner {
  readonly #options: CleanerOptions;
  readonly #left = new Map<string, Left>();
  /** By controller: when one of its entries was last doubted, and which. */
  readonly #doubts = new Map<string, { readonly atMs: number; readonly key: string }>();
  readonly #dead = new Set<string>();

  constructor(options: CleanerOptions) {
    this.#options = options;
  }

  /** Does what is due now. Never rejects. */
  async look(signal: AbortSignal): Promise<void> {
    const entries = [...this.#options.heard.entries()];
    const keys = new Set(entries.map(keyOf));
    for (const key of this.#left.keys()) if (!keys.has(key)) this.#left.delete(key);
    this.#noteLeft(entries);
    const due = entries.filter((entry) => this.#isDue(entry)).slice(0, maxWrites);
    for (const entry of due) await this.#remove(entry, signal);
    await this.#doubt(entries, signal);
  }

  #noteLeft(entries: readonly HeardEntry[]): void {
    const nowMs = this.#options.clock.now();
    for (const entry of entries) {
      const key = keyOf(entry);
      const goneAtMs = disconnectedAtMs(entry.fields);
      if (goneAtMs === undefined) {
        // It was claimed back: whoever did it lives.
        if (this.#left.delete(key)) this.#dead.delete(controllerOf(entry.fields) ?? '');
      } else if (this.#left.get(key)?.disconnectedAtMs !== goneAtMs) {
        this.#left.set(key, { disconnectedAtMs: goneAtMs, sinceMs: nowMs });
      }
    }
  }

  #isDue(entry: HeardEntry): boolean {
    const left = this.#left.get(keyOf(entry));
    return left !== undefined && this.#options.clock.now() - left.sinceMs >= this.#options.graceMs;
  }

  async #remove(entry: HeardEntry, signal: AbortSignal): Promise<void> {
    const { store, log } = this.#options;
    const { ref, resourceVersion, fields } = entry;
    let error = await store.remove(ref, resourceVersion, signal);
    if (error?.code === 'conflict') error = await this.#removeLater(entry, error, signal);
    if (error !== undefined) {
      // It came back: that is heard of soon.
      if (error.code !== 'conflict' && !signal.aborted) log.warn({ ...ref, reason: error.message }, 'not removed');
      return;
    }
    log.info(ref, 'the machine did not come back: its WorkloadEntry is removed');
    const controller = controllerOf(fields) ?? '';
    const doubt = this.#doubts.get(controller);
    const isDoubted = doubt?.key === `${ref.namespace}/${ref.name}` && doubt.atMs === disconnectedAtMs(fields);
    if (isDoubted) this.#dead.add(controller);
  }

  /** At the version of now, when all that is judged is the same: what is never read, as parts of a status, makes a version as well. */
  async #removeLater(
    { ref, fields }: HeardEntry,
    conflict: KubeError,
    signal: AbortSignal,
  ): Promise<KubeError | undefined> {
    const { store } = this.#options;
    const now = await store.get(ref, signal);
    if (now instanceof KubeError) return now.code === 'absent' ? undefined : now;
    const isSame = disconnectedAtMs(now) === disconnectedAtMs(fields) && controllerOf(now) === controllerOf(fields);
    const version = textOf(now, 'metadata', 'resourceVersion');
    return isSame && version !== undefined ? await store.remove(ref, version, signal) : conflict;
  }

  async #doubt(entries: readonly HeardEntry[], signal: AbortSignal): Promise<void> {
    const { clock, controller: own, graceMs } = this.#options;
    const nowMs = clock.now();
    const connected = entries.filter(({ fields }) => connectedAtMs(fields) !== undefined);
    const others = new Map<string, HeardEntry[]>();
    for (const entry of connected) {
      const controller = controllerOf(entry.fields) ?? '';
      if (controller !== own) others.set(controller, [...(others.get(controller) ?? []), entry]);
    }
    for (const controller of this.#dead) if (!others.has(controller)) this.#dead.delete(controller);
    for (const controller of this.#doubts.keys()) {
      const isOpen = entries.some(({ fields }) => controllerOf(fields) === controller);
      if (!isOpen) this.#doubts.delete(controller);
    }
    for (const [controller, theirs] of others) {
      const last = this.#doubts.get(controller);
      if (this.#dead.has(controller)) {
        for (const entry of theirs.slice(0, maxWrites)) await this.#markLeft(entry, nowMs, signal);
      } else if (last === undefined || nowMs - last.atMs >= 2 * graceMs) {
        const [entry] = theirs;
        if (entry === undefined) continue;
        this.#doubts.set(controller, { atMs: nowMs, key: keyOf(entry) });
        await this.#markLeft(entry, nowMs, signal);
      }
    }
  }

  async #markLeft({ ref, fields: judged }: HeardEntry, atMs: number, signal: AbortSignal): Promise<void> {
    const { store } = this.#options;
    const entry = await store.get(ref, signal);
    if (entry instanceof KubeError) return;
    const isSame = controllerOf(entry) === controllerOf(judged) && connectedAtMs(entry) === connectedAtMs(judged);
    // A conflict means that somebody lives.
    if (isSame) await store.replace(ref, doubted(entry, atMs), signal);
  }
}

function keyOf({ ref }: HeardEntry): string {
  return `${ref.namespace}/${ref.name}`;
}
