// A source for a cluster of which it is not known yet how it is read: it tells why, and nothing else.

import type { Source, SourceBatch, SourceScope } from '../model/source-event.ts';

export class UnreadSource implements Source {
  readonly description: string;
  readonly scope: SourceScope = 'discovery-only';
  readonly #reason: string;

  constructor(options: { readonly description: string; readonly reason: string }) {
    this.description = options.description;
    this.#reason = options.reason;
  }

  async run(deliver: (batch: SourceBatch) => void, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    deliver([{ kind: 'disconnected', reason: this.#reason }]);
    await new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
  }
}
