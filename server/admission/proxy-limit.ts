// A source of snapshots for a limited number of proxies: one too many is told to connect to another replica. A proxy is one however
// many streams it has: a new one while its old one lingers, one of each of Envoy's services. The streams of its agent are none: they
// may lead to another replica than those of its Envoy, and would be counted there.

import type { Node } from '../../proto/generated/envoy.config.core.v3.ts';
import type {
  OpenedNode,
  Refusal,
  SnapshotListener,
  SnapshotSource,
  StreamOpening,
} from '../stream/snapshot-source.ts';
import { isAgentType } from '../stream/type-rules.ts';

export class ProxyLimit implements SnapshotSource {
  readonly #source: SnapshotSource;
  readonly #max: number;
  /** Streams of each proxy; never none. */
  readonly #streams = new Map<string, number>();

  /** `max` 0: no limit. */
  constructor(source: SnapshotSource, max: number) {
    this.#source = source;
    this.#max = max;
  }

  /** Proxies, not streams. */
  get connected(): number {
    return this.#streams.size;
  }

  open(opening: StreamOpening, listener: SnapshotListener): OpenedNode | Refusal {
    // An Envoy begins with its clusters or listeners.
    if (isAgentType(opening.typeUrl)) return this.#source.open(opening, listener);
    const proxy = proxyOf(opening.node);
    if (this.#max > 0 && this.#streams.size >= this.#max && !this.#streams.has(proxy)) {
      const message = `this instance serves ${this.#max} proxies, as many as it may (--max-proxies); connect to another one`;
      return { kind: 'refused', code: 'RESOURCE_EXHAUSTED', message };
    }
    const opened = this.#source.open(opening, listener);
    if (opened.kind === 'refused') return opened;
    this.#streams.set(proxy, (this.#streams.get(proxy) ?? 0) + 1);
    return {
      ...opened,
      close: () => {
        this.#left(proxy);
        opened.close();
      },
    };
  }

  #left(proxy: string): void {
    const streams = this.#streams.get(proxy) ?? 0;
    if (streams > 1) this.#streams.set(proxy, streams - 1);
    else this.#streams.delete(proxy);
  }
}

/** Pods of one name and address may be in two clusters. */
function proxyOf({ id = '', metadata }: Node): string {
  return `${metadata?.fields?.['CLUSTER_ID']?.stringValue ?? ''} ${id}`;
}
