// Which VirtualService and which DestinationRule hold for a host, seen from one namespace: exact host names before
// wildcards (the longest first), the client's namespace before the service's before the root namespace, then the older.

import type { DefaultExportTo } from '../../discovery/model/mesh-config.ts';
import type { PolicyIndex } from '../../discovery/model/mesh-snapshot.ts';
import type { Hostname } from '../../discovery/model/names.ts';
import type { DestinationRulePolicy, Policy, Subset, VirtualServicePolicy } from '../../discovery/model/policy.ts';
import { hostMatches, isVisible, labelsMatch } from './visibility.ts';

/** What of policies a client sees beside what they are exported to. */
export interface Sight {
  /** For policies without an `exportTo`; absent: everywhere. */
  readonly defaultExportTo?: DefaultExportTo | undefined;
  /** Whether a Sidecar lets it follow a VirtualService; absent: all of them. */
  readonly imports?: ((policy: VirtualServicePolicy) => boolean) | undefined;
}

/** Whether a client's namespace sees a VirtualService. */
export function seesVirtualService(
  policy: VirtualServicePolicy,
  { client, defaultExportTo, imports }: Sight & { readonly client: string },
): boolean {
  const exportTo = exportOf(policy, defaultExportTo?.virtualServices);
  return isVisible(exportTo, policy.namespace, client) && (imports === undefined || imports(policy));
}

function exportOf({ exportTo }: Policy, byDefault: readonly string[] = []): readonly string[] {
  return exportTo.length === 0 ? byDefault : exportTo;
}

/** Whose policies count, nearest first. */
export interface Namespaces extends Sight {
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
    policy.gateways.includes(gateway) && seesVirtualService(policy, namespaces);
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
  { gateway, ...sight }: Sight & { readonly gateway: string; readonly client: string },
): readonly VirtualServicePolicy[] {
  const candidates = host.startsWith('*')
    ? wildcardVirtualServices.filter(({ hosts }) => hosts.includes(host))
    : (virtualServices.get(host) ?? []);
  return candidates.filter((policy) => policy.gateways.includes(gateway) && seesVirtualService(policy, sight));
}

/**
 * The DestinationRule for `host` and a client with these labels. Rules of the same namespace for the same host are one: the
 * traffic policy of the oldest that has one, the subsets of all, of two with one name the older. Rules of unrelated
 * namespaces never count. One that selects workloads is for those of its own namespace, and goes before one for everybody.
 */
export function findDestinationRule(
  policies: PolicyIndex,
  host: Hostname,
  { labels = {}, ...namespaces }: Namespaces & { readonly labels?: Readonly<Record<string, string>> },
): DestinationRulePolicy | undefined {
  const applies = (rule: DestinationRulePolicy): boolean => {
    const { namespace, workloadSelector } = rule;
    const exportTo = exportOf(rule, namespaces.defaultExportTo?.destinationRules);
    if (!isVisible(exportTo, namespace, namespaces.client)) return false;
    return workloadSelector === undefined || (namespace === namespaces.client && labelsMatch(workloadSelector, labels));
  };
  const exact = (policies.destinationRules.get(host) ?? []).filter(applies);
  const wildcard = policies.wildcardDestinationRules.filter(applies);
  for (const namespace of [namespaces.client, namespaces.service, namespaces.root]) {
    const isThere = (rule: DestinationRulePolicy): boolean => rule.namespace === namespace;
    const named = exact.filter(isThere);
    const rules = named.length > 0 ? named : mostSpecific(wildcard.filter(isThere), (rule) => [rule.host], host);
    if (rules.length > 0) return mergeRules(ofOneSelector(rules));
  }
  return undefined;
}

/** Those with the selector of the first that has any: what is for one workload is not mixed with what is for all. */
function ofOneSelector(rules: readonly DestinationRulePolicy[]): readonly DestinationRulePolicy[] {
  const selector = rules.find(({ workloadSelector }) => workloadSelector !== undefined)?.workloadSelector;
  if (selector === undefined) return rules;
  return rules.filter(
    ({ workloadSelector }) =>
      workloadSelector !== undefined &&
      labelsMatch(workloadSelector, selector) &&
      labelsMatch(selector, workloadSelector),
  );
}

function mergeRules(rules: readonly DestinationRulePolicy[]): DestinationRulePolicy | undefined {
  const [first, ...rest] = rules;
  if (first === undefined || rest.length === 0) return first;
  const subsets = new Map<string, Subset>();
  for (const rule of rules) {
    for (const subset of rule.subsets) if (!subsets.has(subset.name)) subsets.set(subset.name, subset);
  }
  const { trafficPolicy, portPolicies } = rules.find(hasTrafficPolicy) ?? first;
  return {
    ...first,
    trafficPolicy,
    portPolicies,
    subsets: [...subsets.values()],
    mergedFrom: rest.map(({ source }) => source),
  };
}

function hasTrafficPolicy({ trafficPolicy, portPolicies }: DestinationRulePolicy): boolean {
  return portPolicies.size > 0 || Object.keys(trafficPolicy).length > 0;
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
