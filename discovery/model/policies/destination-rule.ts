// A DestinationRule, converted and checked: subsets of a host and how its endpoints are talked to.

import type { Hostname, ObjectKey } from '../names.ts';
import type { LoadBalancer } from './load-balancer.ts';
import type { PolicyBase } from './policy-base.ts';

/** `istio-mutual` is the mesh's own mTLS; no TLS settings at all mean automatic. */
export type ClientTlsMode = 'disable' | 'simple' | 'mutual' | 'istio-mutual';

export interface ClientTls {
  readonly mode: ClientTlsMode;
  readonly sni?: string | undefined;
  /** One of these the server's certificate must have; empty: what the mode asks for by itself. */
  readonly subjectAltNames: readonly string[];
  /** The server's certificate is not checked. */
  readonly insecureSkipVerify: boolean;
  /** Files beside the proxy. Absent for modes that need none. */
  readonly clientCertificate?: ClientCertificate | undefined;
  /** A file of roots; absent: those of the machine. */
  readonly caCertificates?: string | undefined;
  /** A file of revoked certificates. */
  readonly caCrl?: string | undefined;
}

export interface ClientCertificate {
  readonly certificateChain: string;
  readonly privateKey: string;
}

/** Absent: Envoy has no limit, or its own default. Limits are for each proxy. */
export interface ConnectionPool {
  readonly maxConnections?: number | undefined;
  readonly connectTimeoutMs?: number | undefined;
  readonly keepalive?: TcpKeepalive | undefined;
  readonly maxConnectionDurationMs?: number | undefined;
  /** Of connections that are passed on as they are; 0: never. */
  readonly tcpIdleTimeoutMs?: number | undefined;
  readonly maxPendingRequests?: number | undefined;
  readonly maxRequests?: number | undefined;
  readonly maxRequestsPerConnection?: number | undefined;
  readonly maxRetries?: number | undefined;
  /** Of connections without a request; 0: never. */
  readonly httpIdleTimeoutMs?: number | undefined;
  /** `upgrade`: HTTP/2 towards the endpoints. `as-client`: whatever the client speaks. */
  readonly upstreamProtocol?: 'upgrade' | 'as-client' | 'as-declared' | undefined;
  readonly maxConcurrentStreams?: number | undefined;
}

/** Absent parts are the operating system's. */
export interface TcpKeepalive {
  readonly probes?: number | undefined;
  readonly timeMs?: number | undefined;
  readonly intervalMs?: number | undefined;
}

/** Absent: Envoy's default. A count of 0 turns that sign of trouble off. */
export interface OutlierDetection {
  readonly splitLocalOriginErrors: boolean;
  readonly consecutiveLocalOriginFailures?: number | undefined;
  readonly consecutiveGatewayErrors?: number | undefined;
  readonly consecutive5xxErrors?: number | undefined;
  readonly intervalMs?: number | undefined;
  readonly baseEjectionMs?: number | undefined;
  readonly maxEjectionPercent?: number | undefined;
  readonly minHealthPercent: number;
}

/** Retries are limited to a share of the active requests, but never below `minConcurrency`. */
export interface RetryBudget {
  readonly percent?: number | undefined;
  readonly minConcurrency?: number | undefined;
}

/** TCP connections travel inside a request to the endpoint, which is a proxy that connects to the target. */
export interface Tunnel {
  readonly method: 'connect' | 'post';
  readonly targetHost: string;
  readonly targetPort: number;
}

/** Each part as a whole: a part that a nearer policy has replaces it. */
export interface TrafficPolicy {
  readonly loadBalancer?: LoadBalancer | undefined;
  readonly connectionPool?: ConnectionPool | undefined;
  readonly outlierDetection?: OutlierDetection | undefined;
  readonly tls?: ClientTls | undefined;
  readonly retryBudget?: RetryBudget | undefined;
  readonly tunnel?: Tunnel | undefined;
}

export interface Subset {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly trafficPolicy: TrafficPolicy;
  /** By port number; each replaces all of the traffic policy. */
  readonly portPolicies?: ReadonlyMap<number, TrafficPolicy> | undefined;
}

export interface DestinationRulePolicy extends PolicyBase {
  readonly kind: 'DestinationRule';
  readonly host: Hostname;
  /** Labels of the workloads of its namespace that it is for; absent: every client. */
  readonly workloadSelector?: Readonly<Record<string, string>> | undefined;
  readonly trafficPolicy: TrafficPolicy;
  /** By port number; each replaces all of the traffic policy. */
  readonly portPolicies: ReadonlyMap<number, TrafficPolicy>;
  readonly subsets: readonly Subset[];
  /** Other rules for the same host that are merged into this one. */
  readonly mergedFrom?: readonly ObjectKey[] | undefined;
}
