// Runs a source and keeps everything it told: the objects that follow from it, and waiting until something was told.

import { keyOf, type KubernetesObject } from '../../discovery/model/kubernetes-object.ts';
import type { Problem } from '../../discovery/model/problem.ts';
import type { Source, SourceBatch, SourceEvent } from '../../discovery/model/source-event.ts';
import { waitFor } from './wait-for.ts';

export class SourceListener {
  readonly batches: SourceBatch[] = [];
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;

  constructor(source: Source) {
    this.#done = source.run((batch) => this.batches.push(batch), this.#stop.signal);
  }

  get events(): readonly SourceEvent[] {
    return this.batches.flat();
  }

  get objects(): ReadonlyMap<string, KubernetesObject> {
    const objects = new Map<string, KubernetesObject>();
    for (const event of this.events) {
      if (event.kind === 'changed') objects.set(keyOf(event.object), event.object);
      if (event.kind === 'deleted') objects.delete(event.key);
    }
    return objects;
  }

  /** As told last. */
  get problems(): readonly Problem[] {
    return this.events.findLast((event) => event.kind === 'problems')?.problems ?? [];
  }

  /** Why it was cut off, each time. */
  get outages(): readonly string[] {
    return this.events.flatMap((event) => (event.kind === 'disconnected' ? [event.reason] : []));
  }

  count(kind: SourceEvent['kind']): number {
    return this.events.filter((event) => event.kind === kind).length;
  }

  /** How often an object of this name was told. */
  toldOf(name: string): number {
    return this.events.filter((event) => event.kind === 'changed' && event.object.metadata.name === name).length;
  }

  async hears(what: string, holds: () => boolean): Promise<void> {
    await waitFor(
      () => this.events.slice(-20),
      () => holds(),
      { what, intervalMs: 5 },
    );
  }

  async synced(): Promise<void> {
    await this.hears('synced', () => this.count('synced') > 0);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#done;
  }
}
