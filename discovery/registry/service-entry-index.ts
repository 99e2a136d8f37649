// What the ServiceEntries of one cluster declare, by host and by the workloads that they select. In: declarations put and
// removed, workloads that changed. Out: lookups, and the hosts to be derived again.

import type { ServiceEntryDeclaration } from '../convert/service-entry.ts';
import { selects } from '../convert/well-known.ts';
import type { Hostname, ObjectKey } from '../model/names.ts';
import { compareText } from '../model/network-gateway.ts';
import { MultiMap } from './multi-map.ts';
import { mapOver } from './overlay-map.ts';

export class ServiceEntryIndex {
  readonly #declarations: Map<ObjectKey, ServiceEntryDeclaration>;
  readonly #byHost: MultiMap<Hostname, ObjectKey>;
  /** Those with a selector, by namespace. */
  readonly #selecting: MultiMap<string, ObjectKey>;
  #touched = new Set<Hostname>();

  /** Over another index: what is put here stays here. */
  constructor(below?: ServiceEntryIndex) {
    this.#declarations = mapOver(below && below.#declarations);
    this.#byHost = new MultiMap(below && below.#byHost);
    this.#selecting = new MultiMap(below && below.#selecting);
  }

  get(key: ObjectKey): ServiceEntryDeclaration | undefined {
    return this.#declarations.get(key);
  }

  keys(): Iterable<ObjectKey> {
    return this.#declarations.keys();
  }

  put(key: ObjectKey, next: ServiceEntryDeclaration | undefined): void {
    const before = this.#declarations.get(key);
    if (before !== undefined) this.#file(before, 'delete');
    if (next === undefined) this.#declarations.delete(key);
    else {
      this.#declarations.set(key, next);
      this.#file(next, 'add');
    }
  }

  /** A workload came, went or changed. */
  touchWorkload(namespace: string, labels: Readonly<Record<string, string>>): void {
    for (const key of this.#selecting.get(namespace)) {
      const declaration = this.#declarations.get(key);
      if (declaration?.selector !== undefined && selects(declaration.selector, labels)) this.#touch(declaration);
    }
  }

  touchEverything(): void {
    for (const declaration of this.#declarations.values()) this.#touch(declaration);
  }

  /** The oldest first, then by namespace and name. */
  declaring(host: Hostname): readonly ServiceEntryDeclaration[] {
    return [...this.#byHost.get(host)]
      .flatMap((key) => this.#declarations.get(key) ?? [])
      .toSorted(
        (a, b) => a.createdAtMs - b.createdAtMs || compareText(a.namespace, b.namespace) || compareText(a.name, b.name),
      );
  }

  /** These are to be derived again, too. */
  touch(hosts: Iterable<Hostname>): void {
    for (const host of hosts) this.#touched.add(host);
  }

  /** What was touched since this was last asked. */
  takeTouched(): ReadonlySet<Hostname> {
    const touched = this.#touched;
    this.#touched = new Set();
    return touched;
  }

  #file(declaration: ServiceEntryDeclaration, action: 'add' | 'delete'): void {
    const { key, hosts, namespace, selector } = declaration;
    for (const host of hosts) this.#byHost[action](host, key);
    if (selector !== undefined) this.#selecting[action](namespace, key);
    this.#touch(declaration);
  }

  #touch({ hosts }: ServiceEntryDeclaration): void {
    for (const host of hosts) this.#touched.add(host);
  }
}
