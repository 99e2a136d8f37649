// A DestinationRule, converted and checked: subsets of a host and how its endpoints are talked to.

import type { Hostname } from '../names.ts';
import type { PolicyBase } from './policy-base.ts';

export type LoadBalancer = 'round-robin' | 'least-request' | 'random' | 'passthrough';

/** `istio-mutual` is the mesh's own mTLS; absent means automatic. */
export type ClientTlsMode = 'disable' | 'simple' | 'mutual' | 'istio-mutual';

export interface TrafficPolicy {
  readonly loadBalancer?: LoadBalancer | undefined;
  readonly tlsMode?: ClientTlsMode | undefined;
  readonly sni?: string | undefined;
  readonly connectTimeoutMs?: number | undefined;
}

export interface Subset {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly trafficPolicy: TrafficPolicy;
}

export interface DestinationRulePolicy extends PolicyBase {
  readonly kind: 'DestinationRule';
  readonly host: Hostname;
  readonly trafficPolicy: TrafficPolicy;
  /** Overrides by port number. */
  readonly portPolicies: ReadonlyMap<number, TrafficPolicy>;
  readonly subsets: readonly Subset[];
}
