// What of a client DestinationRules and MeshConfig look at: where it is, and which of its labels. What nobody looks at is in no
// view's key. In: policies and mesh-wide settings. Out: the traits, which decide how many classes there are.

import type { MeshConfig } from '../../discovery/model/mesh-config.ts';
import type { PolicyIndex } from '../../discovery/model/mesh-snapshot.ts';
import { compareText } from '../../discovery/model/network-gateway.ts';
import type { DestinationRulePolicy, LocalitySettings, TrafficPolicy } from '../../discovery/model/policy.ts';

export interface ClientTraits {
  readonly locality: boolean;
  /** That locality settings compare with those of endpoints. Sorted, as are those below. */
  readonly comparedLabels: readonly string[];
  /** That rules of a namespace select its workloads by. */
  readonly selectorLabels: ReadonlyMap<string, readonly string[]>;
}

/**
 * The settings that hold for the endpoints of a policy: its own, else MeshConfig's. Where neither says anything, endpoints that can be
 * put aside are used from the nearest, as in Istio. Undefined: wherever they are.
 */
export function localitySettingsOf(policy: TrafficPolicy, config: MeshConfig): LocalitySettings | undefined {
  const declared = policy.loadBalancer?.locality ?? config.localityLb;
  if (declared !== undefined) return declared.enabled ? declared : undefined;
  return policy.outlierDetection === undefined ? undefined : nearestFirst;
}

const nearestFirst: LocalitySettings = Object.freeze({
  enabled: true,
  distribute: [],
  failover: [],
  failoverPriority: [],
});

export function collectClientTraits(policies: PolicyIndex, config: MeshConfig): ClientTraits {
  const compared = new Set<string>();
  const selectors = new Map<string, Set<string>>();
  let locality = false;
  const add = (settings: LocalitySettings | undefined): void => {
    if (settings === undefined) return;
    locality = true;
    for (const text of settings.failoverPriority) if (!text.includes('=')) compared.add(text);
  };
  if (config.localityLb?.enabled === true) add(config.localityLb);
  for (const rules of [...policies.destinationRules.values(), policies.wildcardDestinationRules]) {
    for (const rule of rules) {
      for (const policy of policiesOf(rule)) add(localitySettingsOf(policy, config));
      const names = selectors.get(rule.namespace) ?? new Set<string>();
      for (const name of Object.keys(rule.workloadSelector ?? {})) names.add(name);
      if (names.size > 0) selectors.set(rule.namespace, names);
    }
  }
  return {
    locality,
    comparedLabels: sorted(compared),
    selectorLabels: new Map([...selectors].map(([namespace, names]) => [namespace, sorted(names)])),
  };
}

/** Labels of a client in this namespace that policies may look at, each once. */
export function labelsLookedAt({ comparedLabels, selectorLabels }: ClientTraits, namespace: string): readonly string[] {
  return [...comparedLabels, ...(selectorLabels.get(namespace) ?? [])];
}

/** All traffic policies of a rule: of the rule, of its subsets, and of ports. */
export function policiesOf(rule: DestinationRulePolicy): readonly TrafficPolicy[] {
  const ofSubsets = rule.subsets.flatMap(({ trafficPolicy, portPolicies }) => [
    trafficPolicy,
    ...(portPolicies?.values() ?? []),
  ]);
  return [rule.trafficPolicy, ...rule.portPolicies.values(), ...ofSubsets];
}

function sorted(names: ReadonlySet<string>): readonly string[] {
  return [...names].toSorted((a, b) => compareText(a, b));
}
