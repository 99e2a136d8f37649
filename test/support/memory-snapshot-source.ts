// Serves whatever named resources a test puts into it, to every node alike.

import { resourceName, type EncodedResource } from '../../server/cache/encoded-resource.ts';
import { emptyResourceSet, type TypeSnapshot } from '../../server/cache/type-snapshot.ts';
import type {
  AckReport,
  OpenedNode,
  Refusal,
  SnapshotListener,
  SnapshotSource,
  StreamOpening,
} from '../../server/stream/snapshot-source.ts';
import { encodeLabelled } from './labelled-resource.ts';

/** Type URL, then name, then label; undefined removes. */
export type LabelChanges = Readonly<Record<string, Readonly<Record<string, string | undefined>>>>;

export class MemorySnapshotSource implements SnapshotSource {
  readonly openings: StreamOpening[] = [];
  readonly reports: AckReport[] = [];
  /** Streams that are open now. */
  readonly listeners: Set<SnapshotListener> = new Set();
  /** Resources that were encoded. */
  encodings = 0;
  refusal: Refusal | undefined;
  readonly #snapshots = new Map<string, TypeSnapshot>();

  /** One change of any number of types; every stream hears of it once. Types that are named exist from then on. */
  change(changes: LabelChanges): void {
    for (const [typeUrl, labels] of Object.entries(changes)) {
      const entries = Object.entries(labels).map(
        ([name, label]) => [name, this.#encode(typeUrl, name, label)] as const,
      );
      const part = this.snapshot(typeUrl)?.parts[0] ?? emptyResourceSet;
      this.#snapshots.set(typeUrl, {
        parts: [part.with(entries.map(([name, resource]) => [resourceName(name), resource] as const))],
      });
    }
    const types = new Set(Object.keys(changes));
    for (const listener of this.listeners) listener(types);
  }

  snapshot(typeUrl: string): TypeSnapshot | undefined {
    return this.#snapshots.get(typeUrl);
  }

  open(opening: StreamOpening, listener: SnapshotListener): OpenedNode | Refusal {
    this.openings.push(opening);
    if (this.refusal !== undefined) return this.refusal;
    this.listeners.add(listener);
    return {
      kind: 'opened',
      nodeId: opening.node.id ?? '',
      snapshot: (typeUrl) => this.snapshot(typeUrl),
      acknowledged: (report) => void this.reports.push(report),
      close: () => void this.listeners.delete(listener),
    };
  }

  #encode(typeUrl: string, name: string, label: string | undefined): EncodedResource | undefined {
    if (label === undefined) return undefined;
    this.encodings += 1;
    return encodeLabelled(typeUrl, name, label);
  }
}
