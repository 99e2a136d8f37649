// The name table of one outbound view. Nothing is made before a proxy asks; then every host keeps its own bytes, and a change
// encodes what depends on it and joins the bytes of all hosts anew: the fields of a map are the table's only ones.

import type { Hostname } from '../../discovery/model/names.ts';
import { encode } from '../../proto/codec.ts';
import { NameTable } from '../../proto/generated/istio.networking.nds.v1.ts';
import { concat } from '../../proto/splice.ts';
import { generateNames } from '../generate/name-table.ts';
import type { OutboundView } from '../view/outbound-view.ts';
import { encodeResourceBytes } from './encode-resource.ts';
import { resourceName, type EncodedResource } from './encoded-resource.ts';
import { emptyResourceSet, type ResourceSet } from './type-snapshot.ts';

/** A proxy has one table; the agent does not look at its name. */
const name = resourceName('name-table');

export class NameTableResource {
  readonly #parts: Map<Hostname, Uint8Array>;
  readonly #onEncoded: (typeUrl: string) => void;
  #set: ResourceSet | undefined;

  /** `from`: the table to begin with. */
  constructor(onEncoded: (typeUrl: string) => void = () => undefined, from?: NameTableResource) {
    this.#parts = new Map(from && from.#parts);
    this.#set = from && from.#set;
    this.#onEncoded = onEncoded;
  }

  /** The table as of the last update; made of the view when it was not asked for before. */
  set(view: OutboundView): ResourceSet {
    if (this.#set === undefined) this.#replace(view, view.hosts(), emptyResourceSet);
    return this.#set ?? emptyResourceSet;
  }

  /** The view is another one; `hosts` may have other names. True when the table differs; false before it was asked for. */
  update(view: OutboundView, hosts: Iterable<Hostname>): boolean {
    return this.#set !== undefined && this.#replace(view, hosts, this.#set);
  }

  /** As `update`, for all hosts that there are or were. */
  renew(view: OutboundView): boolean {
    return this.update(view, new Set([...this.#parts.keys(), ...view.hosts()]));
  }

  #replace(view: OutboundView, hosts: Iterable<Hostname>, before: ResourceSet): boolean {
    let differs = before === emptyResourceSet;
    for (const host of hosts) differs = this.#take(view, host) || differs;
    if (!differs) return false;
    const table = this.#join();
    this.#onEncoded(NameTable.typeUrl);
    if (before.get(name)?.version === table.version) return false;
    this.#set = before.with([[name, table]]);
    return true;
  }

  #take(view: OutboundView, host: Hostname): boolean {
    const names = generateNames(view, host);
    const bytes = names === undefined ? undefined : encode<NameTable>(NameTable, names);
    const before = this.#parts.get(host);
    if (bytes === undefined) return this.#parts.delete(host);
    if (before !== undefined && Buffer.compare(before, bytes) === 0) return false;
    this.#parts.set(host, bytes);
    return true;
  }

  /** In the order of hosts, so that equal tables have equal bytes. */
  #join(): EncodedResource {
    const parts = [...this.#parts].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, bytes]) => bytes);
    return encodeResourceBytes({ typeUrl: NameTable.typeUrl, name, body: concat(parts), sources: [] });
  }
}
