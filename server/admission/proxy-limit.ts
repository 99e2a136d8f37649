// A source of snapshots for a limited number of proxies: one too many is told to connect to another replica.

import type {
  OpenedNode,
  Refusal,
  SnapshotListener,
  SnapshotSource,
  StreamOpening,
} from '../stream/snapshot-source.ts';

export class ProxyLimit implements SnapshotSource {
  readonly #source: SnapshotSource;
  readonly #max: number;
  #connected = 0;

  /** `max` 0: no limit. */
  constructor(source: SnapshotSource, max: number) {
    this.#source = source;
    this.#max = max;
  }

  get connected(): number {
    return this.#connected;
  }

  open(opening: StreamOpening, listener: SnapshotListener): OpenedNode | Refusal {
    if (this.#max > 0 && this.#connected >= this.#max) {
      const message = `this instance serves ${this.#max} proxies, as many as it may (--max-proxies); connect to another one`;
      return { kind: 'refused', code: 'RESOURCE_EXHAUSTED', message };
    }
    const opened = this.#source.open(opening, listener);
    if (opened.kind === 'refused') return opened;
    this.#connected += 1;
    return {
      ...opened,
      close: () => {
        this.#connected -= 1;
        opened.close();
      },
    };
  }
}
