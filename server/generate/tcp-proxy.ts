// The network filter that hands a connection's bytes to a cluster.

import type { MeshConfig } from '../../discovery/model/mesh-config.ts';
import type { Filter } from '../../proto/generated/envoy.config.listener.v3.ts';
import { TcpProxy } from '../../proto/generated/envoy.extensions.filters.network.tcp_proxy.v3.ts';
import { packAny } from '../../proto/codec.ts';
import { accessLogs } from './access-log.ts';
import { blackHoleCluster } from './names.ts';

/** Clusters with relative weights, none of them 0. */
export type WeightedClusters = readonly { readonly name: string; readonly weight: number }[];

/** `statPrefix` is the cluster's name unless said otherwise. */
export function tcpProxy(cluster: string, config: MeshConfig, statPrefix = cluster): Filter {
  return filter({ statPrefix, cluster, accessLog: accessLogs(config, 'connections') });
}

/** Each connection to one of the clusters, by weight; closed when there is none. */
export function weightedTcpProxy(clusters: WeightedClusters, config: MeshConfig, statPrefix: string): Filter {
  const [only, ...others] = clusters;
  if (others.length === 0) return tcpProxy(only?.name ?? blackHoleCluster, config, statPrefix);
  return filter({ statPrefix, weightedClusters: { clusters }, accessLog: accessLogs(config, 'connections') });
}

function filter(proxy: TcpProxy): Filter {
  return { name: 'envoy.filters.network.tcp_proxy', typedConfig: packAny(TcpProxy, proxy) };
}
