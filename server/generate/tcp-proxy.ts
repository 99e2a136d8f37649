// The network filter that hands a connection's bytes to a cluster.

import type { MeshConfig } from '../../discovery/model/mesh-config.ts';
import type { TrafficPolicy } from '../../discovery/model/policy.ts';
import type { Filter } from '../../proto/generated/envoy.config.listener.v3.ts';
import { TcpProxy } from '../../proto/generated/envoy.extensions.filters.network.tcp_proxy.v3.ts';
import { packAny } from '../../proto/codec.ts';
import { accessLogs } from './access-log.ts';
import { hashesSource } from './hash-policy.ts';
import { connectionLogs } from './metrics.ts';
import { blackHoleCluster, bracketed } from './names.ts';
import { duration } from './well-known-types.ts';

/** Clusters with relative weights, none of them 0. */
export type WeightedClusters = readonly { readonly name: string; readonly weight: number }[];

/** What a DestinationRule says of connections that are passed on as they are. */
export type ConnectionSettings = Pick<
  TcpProxy,
  'idleTimeout' | 'maxDownstreamConnectionDuration' | 'hashPolicy' | 'tunnelingConfig'
>;

/** Undefined when the policy says nothing of them. */
export function connectionSettings(policy: TrafficPolicy): ConnectionSettings | undefined {
  const { tcpIdleTimeoutMs, maxConnectionDurationMs } = policy.connectionPool ?? {};
  const { tunnel } = policy;
  const settings: ConnectionSettings = {
    ...(tcpIdleTimeoutMs === undefined ? {} : { idleTimeout: duration(tcpIdleTimeoutMs) }),
    ...(maxConnectionDurationMs === undefined
      ? {}
      : { maxDownstreamConnectionDuration: duration(maxConnectionDurationMs) }),
    ...(hashesSource(policy) ? { hashPolicy: [{ sourceIp: {} }] } : {}),
    ...(tunnel === undefined
      ? {}
      : {
          tunnelingConfig: {
            hostname: `${bracketed(tunnel.targetHost)}:${tunnel.targetPort}`,
            ...(tunnel.method === 'post' ? { usePost: true } : {}),
          },
        }),
  };
  return Object.keys(settings).length === 0 ? undefined : settings;
}

/** How connections are handed on; `statPrefix` is the cluster's name unless said otherwise. */
export interface Handing {
  readonly statPrefix?: string;
  readonly settings?: ConnectionSettings | undefined;
}

export function tcpProxy(
  cluster: string,
  config: MeshConfig,
  { statPrefix = cluster, settings }: Handing = {},
): Filter {
  return filter({ statPrefix, cluster, ...logs(config), ...settings });
}

/** Each connection to one of the clusters, by weight; closed when there is none. */
export function weightedTcpProxy(
  clusters: WeightedClusters,
  config: MeshConfig,
  handing: Handing & { readonly statPrefix: string },
): Filter {
  const [only, ...others] = clusters;
  if (others.length === 0) return tcpProxy(only?.name ?? blackHoleCluster, config, handing);
  const { statPrefix, settings } = handing;
  return filter({
    statPrefix,
    weightedClusters: { clusters },
    ...logs(config),
    ...settings,
  });
}

function logs(config: MeshConfig): Pick<TcpProxy, 'accessLog' | 'accessLogOptions'> {
  return connectionLogs(config, accessLogs(config, 'connections'));
}

function filter(proxy: TcpProxy): Filter {
  return { name: 'envoy.filters.network.tcp_proxy', typedConfig: packAny(TcpProxy, proxy) };
}
