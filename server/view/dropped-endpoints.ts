// Endpoints that a view leaves out, counted by why and where they are. In: one after another. Out: a sorted list, for `why`.

import type { Endpoint } from '../../discovery/model/endpoint.ts';
import type { ClusterId, NetworkId } from '../../discovery/model/names.ts';
import { compareText } from '../../discovery/model/network-gateway.ts';

export type DropReason =
  /** Its network has no known gateway, and its own address means nothing here. */
  | 'no-gateway'
  /** Behind a gateway only mesh mTLS can be told apart, and its workload or this connection has none. */
  | 'no-mtls-across-networks'
  | 'not-ready'
  | 'cluster-local'
  /** `REQUESTED_NETWORK_VIEW` leaves its network out. */
  | 'network-not-requested'
  | 'port-not-served'
  /** Locality settings give its place no traffic. */
  | 'no-share';

/** Endpoints that are left out for one reason, of one network of one cluster. */
export interface DroppedEndpoints {
  readonly reason: DropReason;
  readonly clusterId: ClusterId;
  readonly network: NetworkId;
  readonly count: number;
}

export class DropCounter {
  readonly #counts = new Map<string, DroppedEndpoints>();

  add(reason: DropReason, { clusterId, network }: Endpoint): void {
    const key = JSON.stringify([reason, clusterId, network]);
    const count = (this.#counts.get(key)?.count ?? 0) + 1;
    this.#counts.set(key, { reason, clusterId, network, count });
  }

  list(): readonly DroppedEndpoints[] {
    return [...this.#counts].toSorted(([a], [b]) => compareText(a, b)).map(([, dropped]) => dropped);
  }
}
