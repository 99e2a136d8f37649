// Declared configuration of the primary, converted and checked: what routes, destinations, peer authentication and
// gateways say, in full host names and plain numbers. Immutable; `source` names the object for error reports.

import type { Hostname, ObjectKey } from './names.ts';
import type { Origin } from './problem.ts';

interface PolicyBase {
  readonly source: ObjectKey;
  /** Where it was read, for findings that show only when it is used. */
  readonly origin?: Origin | undefined;
  readonly name: string;
  readonly namespace: string;
  readonly createdAtMs: number;
  /** `*`, `.` or namespaces; empty means everywhere. */
  readonly exportTo: readonly string[];
}

// ---- VirtualService

export type StringMatch =
  | { readonly kind: 'exact'; readonly value: string }
  | { readonly kind: 'prefix'; readonly value: string }
  | { readonly kind: 'regex'; readonly value: string };

export interface HttpMatch {
  readonly name: string;
  readonly uri?: StringMatch | undefined;
  readonly ignoreUriCase: boolean;
  readonly scheme?: StringMatch | undefined;
  readonly method?: StringMatch | undefined;
  readonly authority?: StringMatch | undefined;
  /** Header names in lower case; a header that must only be present has `present`. Sorted by name. */
  readonly headers: readonly HeaderMatch[];
  readonly withoutHeaders: readonly HeaderMatch[];
  readonly queryParams: readonly HeaderMatch[];
  readonly port?: number | undefined;
  readonly sourceLabels: Readonly<Record<string, string>>;
  readonly sourceNamespace?: string | undefined;
  /** Empty: the gateways of the VirtualService. */
  readonly gateways: readonly string[];
}

export interface HeaderMatch {
  readonly name: string;
  readonly match: StringMatch | { readonly kind: 'present' };
}

export interface Destination {
  readonly host: Hostname;
  readonly subset?: string | undefined;
  readonly port?: number | undefined;
}

export interface WeightedDestination {
  readonly destination: Destination;
  /** Relative; all weights of a route add up to more than 0. A single destination has 100. */
  readonly weight: number;
  readonly headers?: HeaderOperations | undefined;
}

export interface HeaderOperations {
  readonly request: HeaderOperation;
  readonly response: HeaderOperation;
}

export interface HeaderOperation {
  readonly set: Readonly<Record<string, string>>;
  readonly add: Readonly<Record<string, string>>;
  readonly remove: readonly string[];
}

export interface RetryPolicy {
  readonly attempts: number;
  readonly perTryTimeoutMs?: number | undefined;
  /** Envoy `retry_on` conditions and HTTP status codes, comma-separated as declared; empty: the default. */
  readonly retryOn: string;
}

export interface HttpRoute {
  readonly name: string;
  /** Empty: matches everything. */
  readonly matches: readonly HttpMatch[];
  readonly destinations: readonly WeightedDestination[];
  readonly rewrite?: { readonly uri?: string | undefined; readonly authority?: string | undefined } | undefined;
  readonly redirect?: HttpRedirect | undefined;
  readonly directResponse?: { readonly status: number; readonly body?: string | undefined } | undefined;
  /** 0 disables; absent: no timeout (Istio's default). */
  readonly timeoutMs?: number | undefined;
  readonly retries?: RetryPolicy | undefined;
  readonly headers?: HeaderOperations | undefined;
}

export interface HttpRedirect {
  readonly uri?: string | undefined;
  readonly authority?: string | undefined;
  readonly scheme?: string | undefined;
  readonly port?: number | undefined;
  readonly redirectCode: number;
}

export interface VirtualServicePolicy extends PolicyBase {
  readonly kind: 'VirtualService';
  /** Full host names; may start with `*`. */
  readonly hosts: readonly Hostname[];
  /** `mesh`, or `NAMESPACE/NAME` of gateways. Never empty: the default is `['mesh']`. */
  readonly gateways: readonly string[];
  readonly http: readonly HttpRoute[];
}

// ---- DestinationRule

export type LoadBalancer = 'round-robin' | 'least-request' | 'random' | 'passthrough';

/** `istio-mutual` is the mesh's own mTLS; absent means automatic. */
export type ClientTlsMode = 'disable' | 'simple' | 'mutual' | 'istio-mutual';

export interface TrafficPolicy {
  readonly loadBalancer?: LoadBalancer | undefined;
  readonly tlsMode?: ClientTlsMode | undefined;
  readonly sni?: string | undefined;
  readonly connectTimeoutMs?: number | undefined;
}

export interface Subset {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly trafficPolicy: TrafficPolicy;
}

export interface DestinationRulePolicy extends PolicyBase {
  readonly kind: 'DestinationRule';
  readonly host: Hostname;
  readonly trafficPolicy: TrafficPolicy;
  /** Overrides by port number. */
  readonly portPolicies: ReadonlyMap<number, TrafficPolicy>;
  readonly subsets: readonly Subset[];
}

// ---- PeerAuthentication

export type MtlsMode = 'strict' | 'permissive' | 'disable';

export interface PeerAuthenticationPolicy extends PolicyBase {
  readonly kind: 'PeerAuthentication';
  /** Empty: the whole namespace, or the whole mesh in the system namespace. */
  readonly selector: Readonly<Record<string, string>>;
  /** Absent: inherited. */
  readonly mode?: MtlsMode | undefined;
  /** By workload port. */
  readonly portModes: ReadonlyMap<number, MtlsMode>;
}

// ---- Gateway

export interface GatewayServer {
  readonly port: number;
  readonly name: string;
  readonly protocol: 'http' | 'https' | 'tls' | 'tcp' | 'http2' | 'grpc';
  /** As declared: `*.local`, `NAMESPACE/HOST` …; lower case. */
  readonly hosts: readonly string[];
  readonly tlsMode?: 'auto-passthrough' | 'passthrough' | 'simple' | 'mutual' | 'istio-mutual' | undefined;
}

export interface GatewayPolicy extends PolicyBase {
  readonly kind: 'Gateway';
  /** Labels of the gateway workloads that serve it. */
  readonly selector: Readonly<Record<string, string>>;
  readonly servers: readonly GatewayServer[];
}

export type Policy = VirtualServicePolicy | DestinationRulePolicy | PeerAuthenticationPolicy | GatewayPolicy;
export type PolicyKind = Policy['kind'];
