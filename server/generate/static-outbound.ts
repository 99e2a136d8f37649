// Clusters that every proxy has: to where the application itself wanted to go, and to nowhere.

import type { MeshConfig } from '../../discovery/model/mesh-config.ts';
import {
  Cluster,
  Cluster_DiscoveryType,
  Cluster_LbPolicy,
  type CircuitBreakers,
} from '../../proto/generated/envoy.config.cluster.v3.ts';
import type { OutboundView } from '../view/outbound-view.ts';
import { blackHoleCluster, passthroughCluster } from './names.ts';
import type { Resource } from './resource.ts';
import { duration, uint32 } from './well-known-types.ts';

const most = 4_294_967_295;

/** No limit that nobody asked for: Envoy's own defaults stop at 1,024 connections and requests, and at 3 retries. */
export function unlimited(): CircuitBreakers {
  return {
    thresholds: [
      {
        maxConnections: uint32(most),
        maxPendingRequests: uint32(most),
        maxRequests: uint32(most),
        maxRetries: uint32(most),
        trackRemaining: true,
      },
    ],
  };
}

/** `BlackHoleCluster`, and for sidecars `PassthroughCluster`. */
export function generateStaticOutbound(view: OutboundView): readonly Resource<Cluster>[] {
  const blackHole = staticCluster({
    name: blackHoleCluster,
    type: Cluster_DiscoveryType.STATIC,
    connectTimeout: duration(view.config.connectTimeoutMs),
  });
  return view.scope.type === 'router'
    ? [blackHole]
    : [blackHole, staticCluster(originalDestinationCluster(passthroughCluster, view.config))];
}

/** A cluster that connects to where the connection was going before it was redirected. */
export function originalDestinationCluster(name: string, config: MeshConfig): Cluster {
  return {
    name,
    type: Cluster_DiscoveryType.ORIGINAL_DST,
    connectTimeout: duration(config.connectTimeoutMs),
    lbPolicy: Cluster_LbPolicy.CLUSTER_PROVIDED,
    circuitBreakers: unlimited(),
  };
}

function staticCluster(message: Cluster): Resource<Cluster> {
  return { type: Cluster, name: message.name ?? '', message, sources: [] };
}
