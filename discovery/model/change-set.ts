// What differs between two snapshots: what the layers to the right recompute, and nothing else.

import type { Hostname, ObjectKey } from './names.ts';

export interface ChangeSet {
  /** Hosts added, removed, or changed in anything but their endpoints. */
  readonly services: ReadonlySet<Hostname>;
  /** Hosts whose endpoints changed, or of which some are in a cluster that is degraded now and was not, or the reverse. */
  readonly endpoints: ReadonlySet<Hostname>;
  /** Policies added, changed or removed. */
  readonly policies: ReadonlySet<ObjectKey>;
  /** Addresses of workloads added, changed or removed. */
  readonly workloads: ReadonlySet<string>;
  /** The gateways of some network changed. */
  readonly gateways: boolean;
  /** Mesh-wide configuration changed: everything may differ. */
  readonly everything: boolean;
}

export const noChange: ChangeSet = Object.freeze({
  services: new Set<Hostname>(),
  endpoints: new Set<Hostname>(),
  policies: new Set<ObjectKey>(),
  workloads: new Set<string>(),
  gateways: false,
  everything: false,
});

/** True when nothing to the right needs to look. */
export function isEmpty(change: ChangeSet): boolean {
  return (
    !change.everything &&
    !change.gateways &&
    change.services.size === 0 &&
    change.endpoints.size === 0 &&
    change.policies.size === 0 &&
    change.workloads.size === 0
  );
}

/** The changes of both, in no order. */
export function unite(a: ChangeSet, b: ChangeSet): ChangeSet {
  if (isEmpty(a)) return b;
  if (isEmpty(b)) return a;
  return {
    services: a.services.union(b.services),
    endpoints: a.endpoints.union(b.endpoints),
    policies: a.policies.union(b.policies),
    workloads: a.workloads.union(b.workloads),
    gateways: a.gateways || b.gateways,
    everything: a.everything || b.everything,
  };
}
