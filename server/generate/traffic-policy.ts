// Which traffic policy and which endpoints a cluster has: DestinationRule, port override, subset.

import type { DestinationRulePolicy, Subset, TrafficPolicy } from '../../discovery/model/policy.ts';
import type { MeshConfig } from '../../discovery/model/mesh-config.ts';
import type { Reach } from '../view/network-view.ts';

/** A port's own settings replace those of the whole rule; what a subset says is laid over either. */
export function trafficPolicyOf(
  rule: DestinationRulePolicy | undefined,
  port: number,
  subset: Subset | undefined,
): TrafficPolicy {
  const base = rule?.portPolicies.get(port) ?? rule?.trafficPolicy ?? {};
  if (subset === undefined) return base;
  return {
    loadBalancer: subset.trafficPolicy.loadBalancer ?? base.loadBalancer,
    tlsMode: subset.trafficPolicy.tlsMode ?? base.tlsMode,
    sni: subset.trafficPolicy.sni ?? base.sni,
    connectTimeoutMs: subset.trafficPolicy.connectTimeoutMs ?? base.connectTimeoutMs,
  };
}

/** Gateways pass on nothing but mesh mTLS, so without it only the own network is in reach. */
export function reachOf({ tlsMode }: TrafficPolicy, config: MeshConfig): Reach {
  if (tlsMode === 'istio-mutual') return 'all';
  return tlsMode === undefined && config.enableAutoMtls ? 'all' : 'direct';
}
