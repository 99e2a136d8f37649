// Policies filed by the host they speak of. In: the index before and the policies that changed. Out: the next index, in which
// only lists that a changed policy is in are new.

import type { PolicyIndex } from '../model/mesh-snapshot.ts';
import type { Hostname, ObjectKey } from '../model/names.ts';
import { compareText } from '../model/network-gateway.ts';
import { PersistentMap } from '../model/persistent-map.ts';
import type { DestinationRulePolicy, Policy, VirtualServicePolicy } from '../model/policy.ts';
import { noDelegation, resolveDelegation } from './delegation.ts';

export const emptyPolicyIndex: PolicyIndex = Object.freeze({
  virtualServices: PersistentMap.empty<Hostname, readonly VirtualServicePolicy[]>(),
  wildcardVirtualServices: [],
  delegation: noDelegation,
  destinationRules: PersistentMap.empty<Hostname, readonly DestinationRulePolicy[]>(),
  wildcardDestinationRules: [],
  peerAuthentications: [],
  authorizationPolicies: [],
  telemetries: [],
  proxyConfigs: [],
  requestAuthentications: [],
  gateways: [],
  sidecars: [],
  envoyFilters: [],
});

export interface PolicyChange {
  readonly key: ObjectKey;
  readonly before: Policy | undefined;
  readonly after: Policy | undefined;
}

export function updatePolicyIndex(index: PolicyIndex, changes: readonly PolicyChange[]): PolicyIndex {
  if (changes.length === 0) return index;
  const { delegation, edits: virtualServices } = resolveDelegation(
    index.delegation,
    collect(changes, (policy) => (policy.kind === 'VirtualService' ? policy : undefined)),
  );
  const destinationRules = collect(changes, (policy) => (policy.kind === 'DestinationRule' ? policy : undefined));
  return {
    virtualServices: refile(index.virtualServices, virtualServices, (policy) => policy.hosts),
    wildcardVirtualServices: revise(
      index.wildcardVirtualServices,
      virtualServices.map((edit) => keepIf(edit, (policy) => policy.hosts.some(isWildcard))),
    ),
    delegation,
    destinationRules: refile(index.destinationRules, destinationRules, (policy) => [policy.host]),
    wildcardDestinationRules: revise(
      index.wildcardDestinationRules,
      destinationRules.map((edit) => keepIf(edit, (policy) => isWildcard(policy.host))),
    ),
    peerAuthentications: revise(
      index.peerAuthentications,
      collect(changes, (policy) => (policy.kind === 'PeerAuthentication' ? policy : undefined)),
    ),
    authorizationPolicies: revise(
      index.authorizationPolicies,
      collect(changes, (policy) => (policy.kind === 'AuthorizationPolicy' ? policy : undefined)),
    ),
    requestAuthentications: revise(
      index.requestAuthentications,
      collect(changes, (policy) => (policy.kind === 'RequestAuthentication' ? policy : undefined)),
    ),
    telemetries: revise(
      index.telemetries,
      collect(changes, (policy) => (policy.kind === 'Telemetry' ? policy : undefined)),
    ),
    proxyConfigs: revise(
      index.proxyConfigs,
      collect(changes, (policy) => (policy.kind === 'ProxyConfig' ? policy : undefined)),
    ),
    gateways: revise(
      index.gateways,
      collect(changes, (policy) => (policy.kind === 'Gateway' ? policy : undefined)),
    ),
    sidecars: revise(
      index.sidecars,
      collect(changes, (policy) => (policy.kind === 'Sidecar' ? policy : undefined)),
    ),
    envoyFilters: revise(
      index.envoyFilters,
      collect(changes, (policy) => (policy.kind === 'EnvoyFilter' ? policy : undefined)),
    ),
  };
}

interface Edit<P extends Policy> {
  readonly key: ObjectKey;
  readonly before: P | undefined;
  readonly after: P | undefined;
}

const isWildcard = (host: string): boolean => host.startsWith('*');

/** The changes of one kind of policy. */
function collect<P extends Policy>(
  changes: readonly PolicyChange[],
  pick: (policy: Policy) => P | undefined,
): readonly Edit<P>[] {
  return changes.flatMap(({ key, before, after }) => {
    const edit = {
      key,
      before: before === undefined ? undefined : pick(before),
      after: after === undefined ? undefined : pick(after),
    };
    return edit.before === undefined && edit.after === undefined ? [] : [edit];
  });
}

function keepIf<P extends Policy>({ key, before, after }: Edit<P>, holds: (policy: P) => boolean): Edit<P> {
  return {
    key,
    before: before !== undefined && holds(before) ? before : undefined,
    after: after !== undefined && holds(after) ? after : undefined,
  };
}

function revise<P extends Policy>(list: readonly P[], edits: readonly Edit<P>[]): readonly P[] {
  const effective = edits.filter(({ before, after }) => before !== after);
  if (effective.length === 0) return list;
  const edited = new Set<string>(effective.map(({ key }) => key));
  const added = effective.flatMap(({ after }) => after ?? []);
  return [...list.filter((policy) => !edited.has(policy.source)), ...added].toSorted(byPrecedence);
}

/** Exact hosts only. */
function refile<P extends Policy>(
  map: PersistentMap<Hostname, readonly P[]>,
  edits: readonly Edit<P>[],
  hostsOf: (policy: P) => readonly Hostname[],
): PersistentMap<Hostname, readonly P[]> {
  const byHost = new Map<Hostname, Edit<P>[]>();
  for (const edit of edits) {
    const hosts = new Set([edit.before, edit.after].flatMap((policy) => (policy === undefined ? [] : hostsOf(policy))));
    for (const host of hosts) {
      if (isWildcard(host)) continue;
      const list = byHost.get(host) ?? [];
      list.push(keepIf(edit, (policy) => hostsOf(policy).includes(host)));
      byHost.set(host, list);
    }
  }
  return map.with(
    [...byHost].map(([host, own]) => {
      const list = revise(map.get(host) ?? [], own);
      return [host, list.length === 0 ? undefined : list] as const;
    }),
  );
}

/** Oldest first; then namespace and name, so that the order never depends on arrival. */
function byPrecedence(a: Policy, b: Policy): number {
  return a.createdAtMs - b.createdAtMs || compareText(a.namespace, b.namespace) || compareText(a.name, b.name);
}
