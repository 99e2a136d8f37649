// Which VirtualService and which DestinationRule hold for a host, seen from one namespace: exact host names before
// wildcards (the longest first), the client's namespace before the service's before the root namespace, then the older.

import type { PolicyIndex } from '../../discovery/model/mesh-snapshot.ts';
import type { Hostname } from '../../discovery/model/names.ts';
import type { DestinationRulePolicy, Subset, VirtualServicePolicy } from '../../discovery/model/policy.ts';
import { hostMatches, isVisible } from './visibility.ts';

/** Whose policies count, nearest first. */
export interface Namespaces {
  readonly client: string;
  readonly service: string;
  readonly root: string;
}

/** The VirtualService for `host` that is bound to `gateway` (`mesh` for sidecars) and visible to the client. */
export function findVirtualService(
  policies: PolicyIndex,
  host: Hostname,
  gateway: string,
  namespaces: Namespaces,
): VirtualServicePolicy | undefined {
  const applies = (policy: VirtualServicePolicy): boolean =>
    policy.gateways.includes(gateway) && isVisible(policy.exportTo, policy.namespace, namespaces.client);
  const exact = nearest((policies.virtualServices.get(host) ?? []).filter(applies), namespaces);
  return (
    exact ??
    nearest(
      mostSpecific(policies.wildcardVirtualServices.filter(applies), ({ hosts }) => hosts, host),
      namespaces,
    )
  );
}

/** All VirtualServices that name exactly `host` and `gateway` and are visible to the client, by precedence. */
export function virtualServicesDeclaring(
  { virtualServices, wildcardVirtualServices }: PolicyIndex,
  host: Hostname,
  { gateway, client }: { readonly gateway: string; readonly client: string },
): readonly VirtualServicePolicy[] {
  const candidates = host.startsWith('*')
    ? wildcardVirtualServices.filter(({ hosts }) => hosts.includes(host))
    : (virtualServices.get(host) ?? []);
  return candidates.filter(
    ({ gateways, exportTo, namespace }) => gateways.includes(gateway) && isVisible(exportTo, namespace, client),
  );
}

/**
 * The DestinationRule for `host`. Rules of the same namespace for the same host are one: the oldest one's traffic policy,
 * the subsets of all, of two with one name the older. Rules of unrelated namespaces never count.
 */
export function findDestinationRule(
  policies: PolicyIndex,
  host: Hostname,
  namespaces: Namespaces,
): DestinationRulePolicy | undefined {
  const applies = (policy: DestinationRulePolicy): boolean =>
    isVisible(policy.exportTo, policy.namespace, namespaces.client);
  const exact = (policies.destinationRules.get(host) ?? []).filter(applies);
  const wildcard = mostSpecific(policies.wildcardDestinationRules.filter(applies), (rule) => [rule.host], host);
  for (const namespace of [namespaces.client, namespaces.service, namespaces.root]) {
    const rules = [exact, wildcard]
      .map((candidates) => candidates.filter((rule) => rule.namespace === namespace))
      .find((candidates) => candidates.length > 0);
    if (rules !== undefined) return mergeRules(rules);
  }
  return undefined;
}

function mergeRules(rules: readonly DestinationRulePolicy[]): DestinationRulePolicy | undefined {
  const [first, ...rest] = rules;
  if (first === undefined || rest.length === 0) return first;
  const subsets = new Map<string, Subset>();
  for (const rule of rules) {
    for (const subset of rule.subsets) if (!subsets.has(subset.name)) subsets.set(subset.name, subset);
  }
  return { ...first, subsets: [...subsets.values()] };
}

function rank(namespace: string, { client, service, root }: Namespaces): number {
  if (namespace === client) return 0;
  if (namespace === service) return 1;
  return namespace === root ? 2 : 3;
}

// Lists are in order of precedence already, so the first of the lowest rank holds.
function nearest<P extends { readonly namespace: string }>(
  policies: readonly P[],
  namespaces: Namespaces,
): P | undefined {
  let best: P | undefined;
  for (const policy of policies) {
    if (best === undefined || rank(policy.namespace, namespaces) < rank(best.namespace, namespaces)) best = policy;
  }
  return best;
}

/** Those whose longest pattern that covers `host` is the longest of all. */
function mostSpecific<P>(
  policies: readonly P[],
  hostsOf: (policy: P) => readonly Hostname[],
  host: Hostname,
): readonly P[] {
  const length = (policy: P): number =>
    Math.max(-1, ...hostsOf(policy).map((pattern) => (hostMatches(pattern, host) ? pattern.length : -1)));
  const longest = Math.max(-1, ...policies.map(length));
  return longest < 0 ? [] : policies.filter((policy) => length(policy) === longest);
}
