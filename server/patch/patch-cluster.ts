// Clusters. In: a generated cluster and the hosts whose port it leads to. Out: the patched one.

import { Cluster, type Cluster_TransportSocketMatch } from '../../proto/generated/envoy.config.cluster.v3.ts';
import { TransportSocket } from '../../proto/generated/envoy.config.core.v3.ts';
import type { EnvoyPatch } from '../../discovery/model/policy.ts';
import { mergeInto } from '../../proto/merge-message.ts';
import type { ScopedPatch } from '../view/envoy-patches.ts';
import { brokenCluster } from './cluster-structure.ts';
import type { PatchRun } from './patch-run.ts';
import { brokenValue, isMerge, merged } from './patch-value.ts';

/** Undefined when it is removed. `hosts`: of a cluster whose name has none. */
export function patchCluster(
  before: Cluster,
  { patches, hosts }: { readonly patches: readonly ScopedPatch[]; readonly hosts: readonly string[] },
  run: PatchRun,
): Cluster | undefined {
  let cluster = before;
  for (const scoped of patches) {
    const { patch } = scoped;
    if (patch.operation === 'add' || !clusterMatches(before.name ?? '', hosts, patch)) continue;
    if (patch.operation === 'remove') {
      run.matched(scoped);
      return undefined;
    }
    if (!isMerge(patch)) continue;
    cluster = run.apply(scoped, cluster, {
      to: () => mergeCluster(cluster, patch),
      broken: (after) =>
        brokenValue<Cluster>(Cluster, after) ??
        brokenCluster(after) ??
        (after.name === before.name ? undefined : 'routes know the cluster by its name, which would be another'),
    });
  }
  return cluster;
}

export function clusterMatches(name: string, hosts: readonly string[], { cluster: match }: EnvoyPatch): boolean {
  if (match === undefined) return true;
  if (match.name !== undefined) return match.name === name;
  const { host, port, subset } = parts(name);
  return (
    (match.subset === undefined || match.subset === subset) &&
    (match.service === undefined || match.service === host || hosts.includes(match.service)) &&
    (match.port === undefined || match.port === port)
  );
}

/** `outbound|PORT|SUBSET|HOST`, `inbound|PORT||`, and with dots as an east-west gateway names it. */
function parts(name: string): { readonly host: string; readonly port: number; readonly subset: string } {
  const [, port = '', subset = '', host = ''] = name.startsWith('outbound_.') ? name.split('_.') : name.split('|');
  return { host, port: Number(port), subset };
}

/**
 * Where a cluster picks its transport socket by what an endpoint speaks, one socket for all would take that away: the
 * patch changes the one of its name among them.
 */
function mergeCluster(cluster: Cluster, patch: EnvoyPatch): Cluster {
  const { transportSocketMatches = [] } = cluster;
  const socket = patch.value?.['transportSocket'];
  if (transportSocketMatches.length === 0 || !isPlain(socket)) return merged<Cluster>(Cluster, cluster, patch);
  const { transportSocket: _socket, ...value } = patch.value ?? {};
  const rest = merged<Cluster>(Cluster, cluster, { ...patch, value });
  const at = transportSocketMatches.findIndex(({ transportSocket }) => transportSocket?.name === socket['name']);
  const match = transportSocketMatches[at];
  if (match?.transportSocket === undefined) return rest;
  const transportSocket = mergeInto<TransportSocket>(TransportSocket, match.transportSocket, socket, { lists: 'join' });
  const changed: Cluster_TransportSocketMatch = { ...match, transportSocket };
  return { ...rest, transportSocketMatches: transportSocketMatches.with(at, changed) };
}

function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
