// Where Envoy gets the rest from: the aggregated stream, or secrets from its own agent.

import { ApiConfigSource_ApiType, ApiVersion, type ConfigSource } from '../../proto/generated/envoy.config.core.v3.ts';
import type { SdsSecretConfig } from '../../proto/generated/envoy.extensions.transport_sockets.tls.v3.ts';
import { duration } from './well-known-types.ts';

/** The aggregated stream. Never times out: a listener waits for its routes rather than serve without them. */
export const aggregated: ConfigSource = Object.freeze({
  ads: {},
  initialFetchTimeout: duration(0),
  resourceApiVersion: ApiVersion.V3,
});

/** How long a cluster or a listener waits for files that the agent can't read. */
const fileWaitMs = 5_000;

/** Files beside the proxy, read by the agent, which sees when they are replaced. One that is missing keeps nothing else waiting for long. */
export function fileSecret(name: string): SdsSecretConfig {
  const { sdsConfig, ...secret } = agentSecret(name);
  return { ...secret, sdsConfig: { ...sdsConfig, initialFetchTimeout: duration(fileWaitMs) } };
}

/** A secret from the agent, over the bootstrap's static cluster `sds-grpc`. */
export function agentSecret(name: string): SdsSecretConfig {
  return {
    name,
    sdsConfig: {
      apiConfigSource: {
        apiType: ApiConfigSource_ApiType.GRPC,
        transportApiVersion: ApiVersion.V3,
        setNodeOnFirstMessageOnly: true,
        grpcServices: [{ envoyGrpc: { clusterName: 'sds-grpc' } }],
      },
      initialFetchTimeout: duration(0),
      resourceApiVersion: ApiVersion.V3,
    },
  };
}
