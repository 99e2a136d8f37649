// When a cluster puts an endpoint aside. A gateway has rules of its own: it stands for many, so an error that one of them answers
// says nothing about it, and when every endpoint is put aside all of them are used again.

import type { MeshConfig } from '../../discovery/model/mesh-config.ts';
import type { OutlierDetection as Declared, TrafficPolicy } from '../../discovery/model/policy.ts';
import type { OutlierDetection } from '../../proto/generated/envoy.config.cluster.v3.ts';
import type { Percent } from '../../proto/generated/envoy.type.v3.ts';
import type { UInt32Value } from '../../proto/generated/google.protobuf.ts';
import { reachOf } from './traffic-policy.ts';
import { duration, isTrue, uint32 } from './well-known-types.ts';

/** `onlyGateways`: no endpoint of the cluster is reached directly. */
export function outlierDetection(
  declared: Declared,
  { onlyGateways }: { readonly onlyGateways: boolean },
): OutlierDetection {
  const { intervalMs, baseEjectionMs, maxEjectionPercent } = declared;
  return {
    ...(onlyGateways ? gatewayErrors(declared) : endpointErrors(declared)),
    ...(intervalMs === undefined ? {} : { interval: duration(intervalMs) }),
    ...(baseEjectionMs === undefined ? {} : { baseEjectionTime: duration(baseEjectionMs) }),
    // Envoy's 10 % of a few endpoints is less than one: the rule would do nothing.
    ...(maxEjectionPercent === undefined
      ? { alwaysEjectOneHost: isTrue }
      : { maxEjectionPercent: uint32(maxEjectionPercent) }),
    // No statistics over all endpoints: nobody asked for them.
    enforcingSuccessRate: uint32(0),
  };
}

function endpointErrors(declared: Declared): OutlierDetection {
  const { consecutive5xxErrors: serverErrors, consecutiveGatewayErrors: gateway } = declared;
  const localFailures = declared.consecutiveLocalOriginFailures;
  return {
    ...(serverErrors === undefined
      ? {}
      : { consecutive_5xx: uint32(serverErrors), enforcingConsecutive_5xx: enforced(serverErrors) }),
    ...(gateway === undefined
      ? {}
      : { consecutiveGatewayFailure: uint32(gateway), enforcingConsecutiveGatewayFailure: enforced(gateway) }),
    ...(declared.splitLocalOriginErrors ? { splitExternalLocalOriginErrors: true } : {}),
    ...(localFailures === undefined
      ? {}
      : {
          consecutiveLocalOriginFailure: uint32(localFailures),
          enforcingConsecutiveLocalOriginFailure: enforced(localFailures),
        }),
    enforcingLocalOriginSuccessRate: uint32(0),
  };
}

// Only that it can't be connected to, or breaks connections off.
function gatewayErrors(declared: Declared): OutlierDetection {
  const failures =
    declared.consecutiveLocalOriginFailures ?? declared.consecutiveGatewayErrors ?? declared.consecutive5xxErrors;
  return {
    splitExternalLocalOriginErrors: true,
    ...(failures === undefined ? {} : { consecutiveLocalOriginFailure: uint32(failures) }),
    enforcingConsecutiveLocalOriginFailure: enforced(failures ?? 1),
    enforcingConsecutive_5xx: uint32(0),
    enforcingConsecutiveGatewayFailure: uint32(0),
    enforcingLocalOriginSuccessRate: uint32(0),
  };
}

function enforced(count: number): UInt32Value {
  return uint32(count === 0 ? 0 : 100);
}

/**
 * Below this share of endpoints that are not put aside Envoy uses all of them again. 0 is never, unless minHealthPercent says
 * otherwise: endpoints that are not ready are not in an assignment. Where gateways may be among the endpoints, or nobody said how
 * many may be put aside, it is 1, which means that none is left.
 */
export function panicThreshold({ outlierDetection: declared, tls }: TrafficPolicy, config: MeshConfig): Percent {
  if (declared === undefined) return {};
  const least = reachOf({ tls }, config) === 'all' || declared.maxEjectionPercent === undefined ? 1 : 0;
  const value = Math.max(declared.minHealthPercent, least);
  return value === 0 ? {} : { value };
}
