// Which traffic policy and which endpoints a cluster has: DestinationRule, port override, subset.

import { label } from '../../discovery/convert/well-known.ts';
import type { ConnectionPool, DestinationRulePolicy, Subset, TrafficPolicy } from '../../discovery/model/policy.ts';
import type { MeshConfig } from '../../discovery/model/mesh-config.ts';
import { localitySettingsOf } from '../view/client-traits.ts';
import type { Reach } from '../view/endpoint-path.ts';
import type { EndpointSelection } from '../view/outbound-view.ts';

/**
 * A port's own settings replace those of the whole rule, or of the whole subset. Of what is left the parts of a subset, each as
 * a whole, are laid over those of the rule.
 */
export function trafficPolicyOf(
  rule: DestinationRulePolicy | undefined,
  port: number,
  subset: Subset | undefined,
): TrafficPolicy {
  const base = rule?.portPolicies.get(port) ?? rule?.trafficPolicy ?? {};
  if (subset === undefined) return base;
  return subset.portPolicies?.get(port) ?? { ...base, ...subset.trafficPolicy };
}

/** With what MeshConfig says of connections that the policy says nothing of. */
export function withMeshDefaults(policy: TrafficPolicy, { traffic }: MeshConfig): TrafficPolicy {
  const { keepalive, upgradesToHttp2 } = traffic ?? {};
  if (keepalive === undefined && upgradesToHttp2 !== true) return policy;
  const defaults: ConnectionPool = {
    ...(keepalive === undefined ? {} : { keepalive }),
    ...(upgradesToHttp2 === true ? { upstreamProtocol: 'upgrade' } : {}),
  };
  return { ...policy, connectionPool: { ...defaults, ...policy.connectionPool } };
}

/** Gateways pass on nothing but mesh mTLS, so without it only the own network is in reach. */
export function reachOf({ tls }: TrafficPolicy, config: MeshConfig): Reach {
  if (tls?.mode === 'istio-mutual') return 'all';
  return tls === undefined && config.enableAutoMtls ? 'all' : 'direct';
}

/** The endpoints of a cluster of a sidecar. */
export function selectionOf(policy: TrafficPolicy, subset: Subset | undefined, config: MeshConfig): EndpointSelection {
  return {
    labels: subset?.labels ?? {},
    reach: reachOf(policy, config),
    locality: localitySettingsOf(policy, config),
  };
}

/**
 * What a client tells the gateway of another network of the subset. Which Kubernetes cluster is chosen with the gateway; nothing
 * is left to say then, and the gateway needs no rule.
 */
export function subsetBehindGateway(subset: Subset | undefined): string {
  const names = Object.keys(subset?.labels ?? {});
  return names.length === 1 && names[0] === label.cluster ? '' : (subset?.name ?? '');
}
