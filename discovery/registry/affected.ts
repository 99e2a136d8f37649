// What a change of a cluster's objects makes stale, gathered until the cluster is derived again.

import type { ObjectKey } from '../model/names.ts';

/** What must be derived again. Services are named `NAMESPACE/NAME`. */
export interface Affected {
  readonly services: Set<string>;
  readonly addresses: Set<string>;
  readonly policies: Set<ObjectKey>;
  gateways: boolean;
  tokens: boolean;
  roots: boolean;
  remoteSecrets: boolean;
  /** The cluster's network may differ, and with it every endpoint. */
  network: boolean;
}

export function nothingAffected(): Affected {
  return {
    services: new Set(),
    addresses: new Set(),
    policies: new Set(),
    gateways: false,
    tokens: false,
    roots: false,
    remoteSecrets: false,
    network: false,
  };
}
