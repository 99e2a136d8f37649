// How one remote cluster is to be read, from `--remote` and from the primary's Secrets. In: both. Out: one specification a
// cluster, with the declarations that have no effect beside it.

import { isDeepStrictEqual } from 'node:util';
import type { Hidden } from '../discovery/model/hidden.ts';
import { networkId, type ClusterId, type NetworkId } from '../discovery/model/names.ts';
import type { RemoteSecret } from '../discovery/model/remote-secret.ts';
import type { StaleRule } from '../discovery/model/stale-rule.ts';
import type { Narrowing } from '../discovery/source/kube/feeds.ts';
import type { RegistryLocation, RemoteConfig } from './config.ts';

export type RemoteLocation =
  | RegistryLocation
  /** The text of a kubeconfig. */
  | { readonly kind: 'kubeconfig-text'; readonly kubeconfig: Hidden }
  /** It is remembered, and the Secret that says how it is reached has not been read. */
  | { readonly kind: 'unknown' };

export interface RemoteSpec {
  readonly clusterId: ClusterId;
  readonly location: RemoteLocation;
  /** Its network when neither itself nor MeshNetworks names one. */
  readonly network: NetworkId;
  readonly narrowing?: Narrowing | undefined;
  /** Where it differs from the instance's. */
  readonly staleRule?: StaleRule | undefined;
  /** The Secret that declares it; absent for `--remote`. */
  readonly secret?: RemoteSecret | undefined;
}

export interface PlannedRemote {
  readonly spec: RemoteSpec;
  /** Secrets that declare the same cluster and stand behind, in order. */
  readonly shadowed: readonly RemoteSecret[];
}

/**
 * What is to be read. An option beats Secrets; of several Secrets the first in the given order is in force.
 * @param secrets by cluster, the one in force first, as a `ClusterSnapshot` lists them
 * @param staleRule the instance's own, for what a Secret leaves open
 */
export function planRemotes(
  options: readonly RemoteConfig[],
  secrets: readonly RemoteSecret[],
  staleRule: StaleRule,
): ReadonlyMap<ClusterId, PlannedRemote> {
  const planned = new Map<ClusterId, PlannedRemote>();
  for (const { clusterId, location } of options) {
    planned.set(clusterId, { spec: { clusterId, location, network: networkId('') }, shadowed: [] });
  }
  for (const secret of secrets) {
    const before = planned.get(secret.clusterId);
    if (before === undefined) planned.set(secret.clusterId, { spec: specOf(secret, staleRule), shadowed: [] });
    else planned.set(secret.clusterId, { spec: before.spec, shadowed: [...before.shadowed, secret] });
  }
  return planned;
}

function specOf(secret: RemoteSecret, staleRule: StaleRule): RemoteSpec {
  const { clusterId, kubeconfig, namespaces, labelSelector, stalePolicy, staleAfterMs } = secret;
  const isNarrow = namespaces !== undefined || labelSelector !== undefined;
  const isOwnRule = stalePolicy !== undefined || staleAfterMs !== undefined;
  return {
    clusterId,
    location: { kind: 'kubeconfig-text', kubeconfig },
    network: secret.network ?? networkId(''),
    ...(isNarrow ? { narrowing: { namespaces, labelSelector } } : {}),
    ...(isOwnRule
      ? { staleRule: { policy: stalePolicy ?? staleRule.policy, afterMs: staleAfterMs ?? staleRule.afterMs } }
      : {}),
    secret,
  };
}

/** Whether the same objects are read with the same credentials, so that a running generation can stay. */
export function readsTheSame(a: RemoteSpec, b: RemoteSpec): boolean {
  return isDeepStrictEqual([a.location, a.network, a.narrowing], [b.location, b.network, b.narrowing]);
}
