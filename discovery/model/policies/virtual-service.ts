// A VirtualService, converted and checked: where requests for its hosts go, in full host names and plain numbers.

import type { Hostname } from '../names.ts';
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
