// What a DestinationRule limits on the connections of a cluster: circuit breakers, keepalive, and for requests how the
// connections are used.

import type { ConnectionPool, TrafficPolicy } from '../../discovery/model/policy.ts';
import { isHttp, type ServicePort } from '../../discovery/model/service.ts';
import type { CircuitBreakers, Cluster } from '../../proto/generated/envoy.config.cluster.v3.ts';
import { HttpProtocolOptions } from '../../proto/generated/envoy.extensions.upstreams.http.v3.ts';
import { packAny } from '../../proto/codec.ts';
import { unlimited } from './static-outbound.ts';
import { duration } from './well-known-types.ts';

/** Limits that the policy does not have are not Envoy's defaults but none. */
export function circuitBreakers({ connectionPool: pool = {}, retryBudget }: TrafficPolicy): CircuitBreakers {
  const thresholds = unlimited().thresholds?.map((limits) => ({
    ...limits,
    ...limited('maxConnections', pool.maxConnections),
    ...limited('maxPendingRequests', pool.maxPendingRequests),
    ...limited('maxRequests', pool.maxRequests),
    ...limited('maxRetries', pool.maxRetries),
    ...(retryBudget === undefined
      ? {}
      : {
          retryBudget: {
            ...(retryBudget.percent === undefined ? {} : { budgetPercent: { value: retryBudget.percent } }),
            ...limited('minRetryConcurrency', retryBudget.minConcurrency),
          },
        }),
  }));
  return { thresholds };
}

function limited<N extends string>(name: N, value: number | undefined): { readonly [K in N]?: { value: number } } {
  const limit: { [K in N]?: { value: number } } = {};
  if (value !== undefined) limit[name] = { value };
  return limit;
}

export function upstreamConnections({ keepalive }: ConnectionPool = {}): Pick<Cluster, 'upstreamConnectionOptions'> {
  if (keepalive === undefined) return {};
  const tcpKeepalive = {
    ...limited('keepaliveProbes', keepalive.probes),
    ...limited('keepaliveTime', seconds(keepalive.timeMs)),
    ...limited('keepaliveInterval', seconds(keepalive.intervalMs)),
  };
  return { upstreamConnectionOptions: { tcpKeepalive } };
}

function seconds(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : Math.round(ms / 1000);
}

type ProtocolOptions = Pick<Cluster, 'typedExtensionProtocolOptions'>;

/** HTTP/2 without asking first where the port or the policy says so. */
export function speaksHttp2({ protocol }: ServicePort, { connectionPool }: TrafficPolicy): boolean {
  if (connectionPool?.upstreamProtocol === 'as-client') return false;
  return (
    protocol === 'http2' ||
    protocol === 'grpc' ||
    (protocol === 'http' && connectionPool?.upstreamProtocol === 'upgrade')
  );
}

/** How requests use connections; nothing for ports of other protocols. */
export function upstreamHttp(port: ServicePort, policy: TrafficPolicy): ProtocolOptions {
  if (!isHttp(port.protocol)) return {};
  const pool = policy.connectionPool ?? {};
  const common = {
    ...(pool.httpIdleTimeoutMs === undefined ? {} : { idleTimeout: duration(pool.httpIdleTimeoutMs) }),
    ...(pool.maxConnectionDurationMs === undefined
      ? {}
      : { maxConnectionDuration: duration(pool.maxConnectionDurationMs) }),
    ...limited('maxRequestsPerConnection', pool.maxRequestsPerConnection),
  };
  const checksName = takesNameFromRequest(policy);
  const http2 = speaksHttp2(port, policy);
  const asClient = pool.upstreamProtocol === 'as-client';
  if (!http2 && !asClient && !checksName && Object.keys(common).length === 0) return {};
  const http2ProtocolOptions = limited('maxConcurrentStreams', pool.maxConcurrentStreams);
  const explicit = http2 ? { http2ProtocolOptions } : { httpProtocolOptions: {} };
  return protocolOptions({
    ...(Object.keys(common).length === 0 ? {} : { commonHttpProtocolOptions: common }),
    ...(checksName
      ? { upstreamHttpProtocolOptions: { autoSni: true, autoSanValidation: policy.tls?.insecureSkipVerify !== true } }
      : {}),
    ...(asClient
      ? { useDownstreamProtocolConfig: { httpProtocolOptions: {}, http2ProtocolOptions } }
      : { explicitHttpConfig: explicit }),
  });
}

/** TLS to a server that nothing names but the request itself. */
function takesNameFromRequest({ tls }: TrafficPolicy): boolean {
  if (tls?.mode !== 'simple' && tls?.mode !== 'mutual') return false;
  return tls.sni === undefined && tls.subjectAltNames.length === 0;
}

/** HTTP/2 towards the cluster, without asking first. */
export function http2Upstream(): NonNullable<Cluster['typedExtensionProtocolOptions']> {
  return protocolOptions({ explicitHttpConfig: { http2ProtocolOptions: {} } }).typedExtensionProtocolOptions ?? {};
}

function protocolOptions(options: HttpProtocolOptions): ProtocolOptions {
  return {
    typedExtensionProtocolOptions: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': packAny(HttpProtocolOptions, options),
    },
  };
}
