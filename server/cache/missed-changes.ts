// Changes that somebody has still to take note of, united as they come: adding one costs what it names, however much was missed
// before.

import type { ChangeSet } from '../../discovery/model/change-set.ts';
import type { Hostname, ObjectKey } from '../../discovery/model/names.ts';

/** Itself the union of what was added. */
export class MissedChanges implements ChangeSet {
  readonly services = new Set<Hostname>();
  readonly endpoints = new Set<Hostname>();
  readonly policies = new Set<ObjectKey>();
  readonly workloads = new Set<string>();
  #gateways = false;
  #everything = false;

  get gateways(): boolean {
    return this.#gateways;
  }

  get everything(): boolean {
    return this.#everything;
  }

  add(change: ChangeSet): void {
    for (const host of change.services) this.services.add(host);
    for (const host of change.endpoints) this.endpoints.add(host);
    for (const key of change.policies) this.policies.add(key);
    for (const address of change.workloads) this.workloads.add(address);
    this.#gateways ||= change.gateways;
    this.#everything ||= change.everything;
  }
}
