// Declared configuration of the primary, converted and checked. Immutable; `source` names the object for error reports.

import type { AuthorizationPolicy } from './policies/authorization-policy.ts';
import type { DestinationRulePolicy } from './policies/destination-rule.ts';
import type { EnvoyFilterPolicy } from './policies/envoy-filter.ts';
import type { GatewayPolicy } from './policies/gateway.ts';
import type { PeerAuthenticationPolicy } from './policies/peer-authentication.ts';
import type { ProxyConfigPolicy } from './policies/proxy-config.ts';
import type { RequestAuthenticationPolicy } from './policies/request-authentication.ts';
import type { SidecarPolicy } from './policies/sidecar.ts';
import type { TelemetryPolicy } from './policies/telemetry.ts';
import type { VirtualServicePolicy } from './policies/virtual-service.ts';

export type * from './policies/authorization-policy.ts';
export type * from './policies/destination-rule.ts';
export type * from './policies/envoy-filter.ts';
export type * from './policies/gateway.ts';
export type * from './policies/load-balancer.ts';
export type * from './policies/peer-authentication.ts';
export type * from './policies/proxy-config.ts';
export type * from './policies/request-authentication.ts';
export type * from './policies/sidecar.ts';
export type * from './policies/telemetry.ts';
export type * from './policies/virtual-service.ts';

export type Policy =
  | VirtualServicePolicy
  | DestinationRulePolicy
  | PeerAuthenticationPolicy
  | GatewayPolicy
  | AuthorizationPolicy
  | RequestAuthenticationPolicy
  | SidecarPolicy
  | TelemetryPolicy
  | ProxyConfigPolicy
  | EnvoyFilterPolicy;
export type PolicyKind = Policy['kind'];
