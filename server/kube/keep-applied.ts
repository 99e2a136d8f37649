// Keeps objects of the primary as they are wanted: follows what is there, and applies what differs. In: a function from what is
// there to what is to be written. One object that can't be written does not hold up the others; it is tried again, ever later.

import type { EventEmitter } from 'node:events';
import type { KubernetesObject } from '../../discovery/model/kubernetes-object.ts';
import { backOffMs } from '../../discovery/source/kube/back-off.ts';
import { KubeError } from '../../discovery/source/kube/kube-error.ts';
import type { Log } from '../log.ts';
import { followObjects, type Followed } from './followed-objects.ts';
import { pathOf, type NewObject, type ObjectPlace } from './kube-object.ts';
import type { PrimaryClient } from './primary-client.ts';

export interface Wanted {
  readonly place: ObjectPlace;
  readonly object: NewObject;
}

export interface KeepAppliedOptions {
  readonly client: PrimaryClient;
  readonly followed: readonly Followed[];
  /** What differs from what is there and is to be applied; pure, called after every change. */
  readonly due: (objects: ReadonlyMap<string, KubernetesObject>) => readonly Wanted[];
  /** Emits `changed` when `due` may give something else although nothing changed in the primary. */
  readonly changes: EventEmitter<{ changed: [] }>;
  readonly log: Log;
  /** Numbers from 0 up to 1. */
  readonly random: () => number;
}

/** Writes at once; an API server limits its clients. */
const maxWrites = 8;
/** What was just written takes this long to be heard of. */
const settleMs = 250;
const backOff = { firstMs: 500, longestMs: 60_000 };

/** Until the signal aborts. */
export async function keepApplied(options: KeepAppliedOptions, signal: AbortSignal): Promise<void> {
  const { client, followed, changes, log } = options;
  const writer = new Writer(options);
  const wake = (): void => writer.wake();
  changes.on('changed', wake);
  const writing = writer.run(signal);
  try {
    await followObjects(
      {
        client,
        clock: client.clock,
        followed,
        onTrouble: (reason) => {
          if (reason !== undefined) log.warn({ reason }, 'what is kept in the primary is not followed at present');
        },
        onChange: (objects) => {
          writer.objects = objects;
          writer.wake();
        },
      },
      signal,
    );
  } finally {
    changes.off('changed', wake);
    await writing;
  }
}

interface Failed {
  readonly failures: number;
  readonly retryAtMs: number;
}

class Writer {
  /** What the API server has; undefined until it is known completely. */
  objects: ReadonlyMap<string, KubernetesObject> | undefined;
  readonly #options: KeepAppliedOptions;
  readonly #failed = new Map<string, Failed>();
  #wake = new AbortController();
  #complaint = '';

  constructor(options: KeepAppliedOptions) {
    this.#options = options;
  }

  wake(): void {
    this.#wake.abort();
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options.client;
    const onAbort = (): void => this.wake();
    signal.addEventListener('abort', onAbort, { once: true });
    while (!signal.aborted) {
      this.#wake = new AbortController();
      const due = this.#due();
      await this.#write(due, signal);
      if (signal.aborted) break;
      if (due.length > 0) await clock.sleep(settleMs, signal);
      else await clock.sleep(this.#nextMs(), this.#wake.signal);
    }
    signal.removeEventListener('abort', onAbort);
  }

  #due(): readonly Wanted[] {
    const nowMs = this.#options.client.clock.now();
    const all = this.objects === undefined ? [] : this.#options.due(this.objects);
    const paths = new Set(all.map(pathOfWanted));
    for (const path of this.#failed.keys()) if (!paths.has(path)) this.#failed.delete(path);
    return all.filter((wanted) => nowMs >= (this.#failed.get(pathOfWanted(wanted))?.retryAtMs ?? 0));
  }

  async #write(due: readonly Wanted[], signal: AbortSignal): Promise<void> {
    const queue = [...due];
    const worker = async (): Promise<void> => {
      for (let next = queue.shift(); next !== undefined && !signal.aborted; next = queue.shift()) {
        await this.#apply(next, signal);
      }
    };
    await Promise.all(Array.from({ length: Math.min(maxWrites, queue.length) }, worker));
  }

  async #apply(wanted: Wanted, signal: AbortSignal): Promise<void> {
    const { client, random, log } = this.#options;
    const path = pathOfWanted(wanted);
    const written = await client.apply(wanted.place, wanted.object, signal);
    if (!(written instanceof KubeError)) {
      this.#failed.delete(path);
      log.info({ object: path }, 'written into the primary');
      return;
    }
    if (signal.aborted) return;
    const failures = (this.#failed.get(path)?.failures ?? 0) + 1;
    const waitMs = Math.max(backOffMs(backOff, failures, random), written.retryAfterMs ?? 0);
    this.#failed.set(path, { failures, retryAtMs: client.clock.now() + waitMs });
    const complaint = `${path}: ${written.message}`;
    if (complaint !== this.#complaint)
      log.warn({ object: path, reason: written.message }, 'not written into the primary');
    this.#complaint = complaint;
  }

  /** Until something that failed is tried again. */
  #nextMs(): number {
    const nowMs = this.#options.client.clock.now();
    const times = [...this.#failed.values()].map(({ retryAtMs }) => retryAtMs - nowMs);
    return Math.max(settleMs, Math.min(backOff.longestMs, ...times));
  }
}

function pathOfWanted({ place, object }: Wanted): string {
  return pathOf(place, object.metadata.name);
}
