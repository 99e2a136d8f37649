// The workloads of one cluster (Pods and WorkloadEntries), by the labels that selectors look for, by address and by Node. In: workloads
// put and removed. Out: lookups. What many workloads hold equal copies of is held once.

import { selects } from '../convert/well-known.ts';
import type { WorkloadDeclaration } from '../convert/workload-declaration.ts';
import type { WorkloadIdentity } from '../model/endpoint.ts';
import { objectKey, type ObjectKey } from '../model/names.ts';
import { compareText } from '../model/network-gateway.ts';
import { MultiMap } from './multi-map.ts';
import { mapOver } from './overlay-map.ts';
import { firstLabel, labelKey, selectorKey } from './selector-key.ts';
import { SharedValues } from './shared-values.ts';

export interface WorkloadIndexOptions {
  /** Values that endpoints hold as well. */
  readonly labels: SharedValues<Readonly<Record<string, string>>>;
  readonly portNumbers: SharedValues<Readonly<Record<string, number>>>;
}

export class WorkloadIndex {
  readonly #shared: WorkloadIndexOptions;
  readonly #identities = new SharedValues<WorkloadIdentity>();
  readonly #workloads: Map<ObjectKey, WorkloadDeclaration>;
  readonly #byLabel: MultiMap<string, ObjectKey>;
  /** Names of labels that selectors are filed by: workloads are filed by no others. */
  readonly #selectorLabels: Set<string>;
  readonly #byAddress: MultiMap<string, ObjectKey>;
  readonly #byNode: MultiMap<string, ObjectKey>;

  /** Over another index: what is put here stays here. */
  constructor(shared: WorkloadIndexOptions, below?: WorkloadIndex) {
    this.#shared = shared;
    this.#workloads = mapOver(below && below.#workloads);
    this.#byLabel = new MultiMap(below && below.#byLabel);
    this.#selectorLabels = new Set(below && below.#selectorLabels);
    this.#byAddress = new MultiMap(below && below.#byAddress);
    this.#byNode = new MultiMap(below && below.#byNode);
  }

  get(key: ObjectKey): WorkloadDeclaration | undefined {
    return this.#workloads.get(key);
  }

  pod(namespace: string, name: string): WorkloadDeclaration | undefined {
    return this.#workloads.get(objectKey('Pod', namespace, name));
  }

  values(): Iterable<WorkloadDeclaration> {
    return this.#workloads.values();
  }

  /** Returns the workload as it is held. */
  put(key: ObjectKey, next: WorkloadDeclaration | undefined): WorkloadDeclaration | undefined {
    const before = this.#workloads.get(key);
    if (before !== undefined) this.#file(before, 'delete');
    if (next === undefined) {
      this.#workloads.delete(key);
      return undefined;
    }
    const kept = this.#share(next, before);
    // The key that is filed is the one that is held already.
    this.#workloads.set(kept.key, kept);
    this.#file(kept, 'add');
    return kept;
  }

  /** What this selector selects will be asked for. The first that is filed by a label's name has all workloads filed by it. */
  fileFor(selector: Readonly<Record<string, string>>): void {
    const name = firstLabel(selector);
    if (this.#selectorLabels.has(name)) return;
    this.#selectorLabels.add(name);
    for (const { key, namespace, labels } of this.#workloads.values()) {
      const value = Object.hasOwn(labels, name) ? labels[name] : undefined;
      if (value !== undefined) this.#byLabel.add(labelKey(namespace, name, value), key);
    }
  }

  /** Workloads of a namespace that a selector selects, by key. */
  selected(namespace: string, selector: Readonly<Record<string, string>>): WorkloadDeclaration[] {
    return [...this.#byLabel.get(selectorKey(namespace, selector))]
      .flatMap((key) => this.#workloads.get(key) ?? [])
      .filter((workload) => selects(selector, workload.labels))
      .toSorted((a, b) => compareText(a.key, b.key));
  }

  /**
   * Who has an address. An address is handed on when its Pod ends, so a live Pod comes before one being deleted, a Pod
   * before a WorkloadEntry that claims its address, and a younger before an older one; Pods on the node's own network can't be told apart by it and are left out.
   */
  at(address: string): WorkloadDeclaration | undefined {
    return [...this.#byAddress.get(address)]
      .flatMap((key) => this.#workloads.get(key) ?? [])
      .filter((workload) => !workload.hostNetwork && !workload.ended)
      .toSorted(
        (a, b) =>
          Number(a.deleting) - Number(b.deleting) ||
          Number(a.kind !== 'pod') - Number(b.kind !== 'pod') ||
          b.createdAtMs - a.createdAtMs ||
          compareText(a.key, b.key),
      )[0];
  }

  onNode(node: string): WorkloadDeclaration[] {
    return [...this.#byNode.get(node)].flatMap((key) => this.#workloads.get(key) ?? []);
  }

  #file(workload: WorkloadDeclaration, action: 'add' | 'delete'): void {
    const { key, namespace } = workload;
    for (const [name, value] of Object.entries(workload.labels)) {
      if (this.#selectorLabels.has(name)) this.#byLabel[action](labelKey(namespace, name, value), key);
    }
    for (const address of workload.addresses) this.#byAddress[action](address, key);
    if (workload.nodeName !== undefined) this.#byNode[action](workload.nodeName, key);
  }

  /** The same workload, holding what others hold too. */
  #share(next: WorkloadDeclaration, before: WorkloadDeclaration | undefined): WorkloadDeclaration {
    const { labels, portNumbers } = this.#shared;
    return {
      ...next,
      key: before?.key ?? next.key,
      identity: this.#identities.share(next.identity, before?.identity),
      labels: labels.share(next.labels, before?.labels),
      namedPorts: portNumbers.share(next.namedPorts, before?.namedPorts),
    };
  }
}
