// Where the application beside a proxy listens, when a Sidecar says so: on loopback, at another port of the workload's own address,
// or at a Unix domain socket.

import type { IngressEndpoint } from '../../discovery/model/policy.ts';
import {
  Cluster_DiscoveryType,
  Cluster_LbPolicy,
  type Cluster,
} from '../../proto/generated/envoy.config.cluster.v3.ts';
import type { Address } from '../../proto/generated/envoy.config.core.v3.ts';
import { socketAddress } from './address.ts';
import { uint32 } from './well-known-types.ts';

/** Laid over a cluster that connects to where the connection was going; `reached` is what such a cluster has for that alone. */
export function ingressEndpoint(
  name: string,
  endpoint: IngressEndpoint | undefined,
  reached: Pick<Cluster, 'upstreamBindConfig'>,
): Partial<Cluster> {
  if (endpoint === undefined) return reached;
  if (endpoint.kind === 'workload') {
    return { ...reached, originalDstLbConfig: { upstreamPortOverride: uint32(endpoint.port) } };
  }
  const address: Address =
    endpoint.kind === 'socket' ? { pipe: { path: endpoint.path } } : socketAddress(endpoint.address, endpoint.port);
  return {
    type: Cluster_DiscoveryType.STATIC,
    lbPolicy: Cluster_LbPolicy.ROUND_ROBIN,
    loadAssignment: { clusterName: name, endpoints: [{ lbEndpoints: [{ endpoint: { address } }] }] },
  };
}
