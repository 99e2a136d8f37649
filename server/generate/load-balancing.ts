// How a cluster's endpoints are chosen among, as a DestinationRule says.

import type { MeshConfig } from '../../discovery/model/mesh-config.ts';
import type { ConsistentHash, TrafficPolicy, Warmup } from '../../discovery/model/policy.ts';
import {
  Cluster_LbPolicy,
  type Cluster,
  type Cluster_SlowStartConfig,
} from '../../proto/generated/envoy.config.cluster.v3.ts';
import { localitySettingsOf } from '../view/client-traits.ts';
import { panicThreshold } from './outlier-detection.ts';
import { duration } from './well-known-types.ts';

type Balancing = Pick<
  Cluster,
  'lbPolicy' | 'commonLbConfig' | 'ringHashLbConfig' | 'maglevLbConfig' | 'roundRobinLbConfig' | 'leastRequestLbConfig'
>;

/** Of a cluster with endpoints that Envoy chooses among. */
export function loadBalancing(policy: TrafficPolicy, config: MeshConfig): Balancing {
  const { algorithm, consistentHash } = policy.loadBalancer ?? {};
  const isDistributed = (localitySettingsOf(policy, config)?.distribute.length ?? 0) > 0;
  // RANDOM ignores the weights of endpoints, and a gateway stands for many: there the localities carry the weight.
  const byLocality = algorithm === 'random' || isDistributed;
  return {
    ...algorithmOf(policy),
    commonLbConfig: {
      healthyPanicThreshold: panicThreshold(policy, config),
      ...(byLocality && (consistentHash === undefined || isDistributed) ? { localityWeightedLbConfig: {} } : {}),
    },
  };
}

function algorithmOf({ loadBalancer = {} }: TrafficPolicy): Balancing {
  const { algorithm, consistentHash, warmup } = loadBalancer;
  if (consistentHash !== undefined) return hashing(consistentHash);
  if (algorithm === 'random') return { lbPolicy: Cluster_LbPolicy.RANDOM };
  const slowStart = warmup === undefined ? undefined : { slowStartConfig: slowStartOf(warmup) };
  if (algorithm === 'round-robin') {
    return {
      lbPolicy: Cluster_LbPolicy.ROUND_ROBIN,
      ...(slowStart === undefined ? {} : { roundRobinLbConfig: slowStart }),
    };
  }
  return {
    lbPolicy: Cluster_LbPolicy.LEAST_REQUEST,
    ...(slowStart === undefined ? {} : { leastRequestLbConfig: slowStart }),
  };
}

const maxRingSize = 8_388_608;

function hashing({ table: { kind, size } }: ConsistentHash): Balancing {
  if (kind === 'maglev') {
    return {
      lbPolicy: Cluster_LbPolicy.MAGLEV,
      ...(size === undefined ? {} : { maglevLbConfig: { tableSize: { value: size } } }),
    };
  }
  return {
    lbPolicy: Cluster_LbPolicy.RING_HASH,
    ringHashLbConfig: { minimumRingSize: { value: size ?? 1024 }, maximumRingSize: { value: maxRingSize } },
  };
}

function slowStartOf({ durationMs, minimumPercent, aggression }: Warmup): Cluster_SlowStartConfig {
  return {
    slowStartWindow: duration(durationMs),
    ...(minimumPercent === undefined ? {} : { minWeightPercent: { value: minimumPercent } }),
    ...(aggression === undefined
      ? {}
      : { aggression: { defaultValue: aggression, runtimeKey: 'isthmus.warmup.aggression' } }),
  };
}
