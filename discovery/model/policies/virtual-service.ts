// A VirtualService, converted and checked: where requests for its hosts go, in full host names and plain numbers.

import type { Hostname, ObjectKey } from '../names.ts';
import type { Origin } from '../problem.ts';
import type { PolicyBase } from './policy-base.ts';

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
  /** Statistics of the route are kept under this name. */
  readonly statPrefix?: string | undefined;
}

export interface HeaderMatch {
  readonly name: string;
  /** Not a header but a claim of a verified token, by the names that lead to it; the name says the same. Gateways alone see it. */
  readonly claim?: readonly string[] | undefined;
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
  /** Waited before the first retry; the waits grow to ten times that. Absent: Envoy's 25 ms. */
  readonly backoffMs?: number | undefined;
  /** Each retry goes to another priority, which is another locality where localities are ranked. */
  readonly remoteLocalities?: boolean | undefined;
  /** A retry goes to an endpoint that has not failed yet. True unless said otherwise. */
  readonly ignorePreviousHosts?: boolean | undefined;
}

/** A copy of a share of the requests; what is answered to it is thrown away. */
export interface Mirror {
  readonly destination: Destination;
  /** Of the requests; more than 0, up to 100, four decimals. */
  readonly percent: number;
  /** Where its destination is declared, below the route: `mirror`, `mirrors[0].destination`. */
  readonly field?: string | undefined;
}

export interface Fault {
  readonly delay?: { readonly percent: number; readonly fixedDelayMs: number } | undefined;
  readonly abort?: FaultAbort | undefined;
}

/** One of the two statuses. */
export interface FaultAbort {
  readonly percent: number;
  readonly httpStatus?: number | undefined;
  /** The number of a gRPC status code. */
  readonly grpcStatus?: number | undefined;
}

export interface CorsPolicy {
  readonly allowOrigins: readonly StringMatch[];
  readonly allowMethods: readonly string[];
  readonly allowHeaders: readonly string[];
  readonly exposeHeaders: readonly string[];
  readonly maxAgeSeconds?: number | undefined;
  readonly allowCredentials?: boolean | undefined;
  /** What becomes of a preflight request of an origin that is not allowed. Absent: it is forwarded. */
  readonly unmatchedPreflights?: 'forward' | 'ignore' | undefined;
}

export interface Rewrite {
  readonly uri?: string | undefined;
  readonly authority?: string | undefined;
  /** RE2; `rewrite` may name its groups as `\1`. Never together with `uri`. */
  readonly uriRegex?: { readonly match: string; readonly rewrite: string } | undefined;
}

/** The VirtualService without hosts whose routes stand in the place of this one. */
export interface Delegate {
  readonly name: string;
  readonly namespace: string;
}

export interface HttpRoute {
  readonly name: string;
  /** Empty: matches everything. */
  readonly matches: readonly HttpMatch[];
  readonly destinations: readonly WeightedDestination[];
  readonly delegate?: Delegate | undefined;
  readonly rewrite?: Rewrite | undefined;
  readonly redirect?: HttpRedirect | undefined;
  readonly directResponse?: DirectResponse | undefined;
  /** 0 disables; absent: no timeout (Istio's default). */
  readonly timeoutMs?: number | undefined;
  readonly retries?: RetryPolicy | undefined;
  readonly headers?: HeaderOperations | undefined;
  readonly mirrors?: readonly Mirror[] | undefined;
  readonly fault?: Fault | undefined;
  readonly cors?: CorsPolicy | undefined;
  /** Where it stands in the object that declares it, `spec.http[0]`, and that object when it is a delegate of this one. */
  readonly place?:
    | { readonly field: string; readonly source?: ObjectKey | undefined; readonly origin?: Origin | undefined }
    | undefined;
}

export interface DirectResponse {
  readonly status: number;
  readonly body?: string | undefined;
  /** Instead of `body`, for one that is not text. */
  readonly bodyBytes?: Uint8Array | undefined;
}

export interface HttpRedirect {
  readonly uri?: string | undefined;
  readonly authority?: string | undefined;
  readonly scheme?: string | undefined;
  readonly port?: number | undefined;
  /** Instead of `port`: the port that the request came to, or that of the scheme (as when neither is said). */
  readonly derivePort?: 'from-request-port' | 'from-protocol-default' | undefined;
  readonly redirectCode: number;
}

/** What is seen of a connection without reading it. */
export interface ConnectionMatch {
  /** Addresses with a prefix length, `10.0.0.0/8`; empty: any. */
  readonly destinationSubnets: readonly string[];
  readonly sourceSubnet?: string | undefined;
  readonly port?: number | undefined;
  readonly sourceLabels: Readonly<Record<string, string>>;
  readonly sourceNamespace?: string | undefined;
  /** Empty: the gateways of the VirtualService. */
  readonly gateways: readonly string[];
}

export interface TcpRoute {
  /** Empty: matches everything. */
  readonly matches: readonly ConnectionMatch[];
  readonly destinations: readonly WeightedDestination[];
}

export interface TlsMatch extends ConnectionMatch {
  /** Server names of the TLS hello, in lower case; may start with `*`. Never empty. */
  readonly sniHosts: readonly string[];
}

export interface TlsRoute {
  /** Never empty. */
  readonly matches: readonly TlsMatch[];
  readonly destinations: readonly WeightedDestination[];
}

export interface VirtualServicePolicy extends PolicyBase {
  readonly kind: 'VirtualService';
  /** Full host names; may start with `*`. Empty: a delegate, which holds only where another VirtualService names it. */
  readonly hosts: readonly Hostname[];
  /** `mesh`, or `NAMESPACE/NAME` of gateways. Never empty: the default is `['mesh']`. */
  readonly gateways: readonly string[];
  readonly http: readonly HttpRoute[];
  readonly tcp: readonly TcpRoute[];
  readonly tls: readonly TlsRoute[];
}
