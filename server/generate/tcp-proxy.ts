// The network filter that hands a connection's bytes to one cluster.

import type { MeshConfig } from '../../discovery/model/mesh-config.ts';
import type { Filter } from '../../proto/generated/envoy.config.listener.v3.ts';
import { TcpProxy } from '../../proto/generated/envoy.extensions.filters.network.tcp_proxy.v3.ts';
import { packAny } from '../../proto/codec.ts';
import { accessLogs } from './access-log.ts';

/** `statPrefix` is the cluster's name unless said otherwise. */
export function tcpProxy(cluster: string, config: MeshConfig, statPrefix = cluster): Filter {
  const typedConfig = packAny(TcpProxy, { statPrefix, cluster, accessLog: accessLogs(config) });
  return { name: 'envoy.filters.network.tcp_proxy', typedConfig };
}
