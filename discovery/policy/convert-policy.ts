// A declared configuration object → the policy it states. In: the object. Out: the policy, or why it is refused.

import type { Conversion } from '../convert/findings.ts';
import type { KubernetesObject } from '../model/kubernetes-object.ts';
import type { Policy, PolicyKind } from '../model/policy.ts';
import { convertAuthorizationPolicy } from './authorization/authorization-policy.ts';
import { convertDestinationRule } from './destination-rule.ts';
import { convertEnvoyFilter } from './envoy-filter/envoy-filter.ts';
import { convertGateway } from './gateway.ts';
import { convertPeerAuthentication } from './peer-authentication.ts';
import type { PolicyContext } from './policy-fields.ts';
import { convertProxyConfig } from './proxy-config.ts';
import { convertSidecar } from './sidecar.ts';
import { convertRequestAuthentication } from './request-authentication.ts';
import { convertTelemetry } from './telemetry.ts';
import { convertVirtualService } from './virtual-service.ts';

type Converter = (object: KubernetesObject, context: PolicyContext) => Conversion<Policy>;

const converters: Readonly<Record<PolicyKind, Converter>> = {
  VirtualService: convertVirtualService,
  DestinationRule: convertDestinationRule,
  PeerAuthentication: convertPeerAuthentication,
  Gateway: convertGateway,
  AuthorizationPolicy: convertAuthorizationPolicy,
  Telemetry: convertTelemetry,
  ProxyConfig: convertProxyConfig,
  RequestAuthentication: convertRequestAuthentication,
  Sidecar: convertSidecar,
  EnvoyFilter: convertEnvoyFilter,
};

function isPolicyKind(kind: string): kind is PolicyKind {
  return Object.hasOwn(converters, kind);
}

/** Undefined for an object that states no policy. */
export function convertPolicy(object: KubernetesObject, context: PolicyContext): Conversion<Policy> | undefined {
  return isPolicyKind(object.kind) ? converters[object.kind](object, context) : undefined;
}
