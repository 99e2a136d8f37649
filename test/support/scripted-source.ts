// A source that tells what a test says, when it says it. Until then it hangs, as a directory or API server may.

import type { Source, SourceBatch, SourceEvent, SourceScope } from '../../discovery/model/source-event.ts';
import { objectOf, type Manifest } from './kube-objects.ts';

export class ScriptedSource implements Source {
  readonly description = 'a script';
  readonly scope: SourceScope;
  #deliver: ((batch: SourceBatch) => void) | undefined;
  readonly #running = Promise.withResolvers<void>();

  constructor(scope: SourceScope = 'primary') {
    this.scope = scope;
  }

  /** Resolves once it is read. */
  get running(): Promise<void> {
    return this.#running.promise;
  }

  async run(deliver: (batch: SourceBatch) => void, signal: AbortSignal): Promise<void> {
    this.#deliver = deliver;
    this.#running.resolve();
    if (signal.aborted) return;
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  }

  tell(...events: readonly SourceEvent[]): void {
    if (this.#deliver === undefined) throw new Error('nobody reads this source yet');
    this.#deliver(events);
  }

  /** Everything that exists, as at a first reading. */
  tellAll(manifests: readonly Manifest[]): void {
    const changes = manifests.map((manifest): SourceEvent => ({ kind: 'changed', object: objectOf(manifest) }));
    this.tell({ kind: 'connected' }, ...changes, { kind: 'synced' });
  }
}
