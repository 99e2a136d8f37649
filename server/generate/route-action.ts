// What a declared HTTP route does with a request: sends it on, redirects its client, or answers it.

import type { HttpRedirect, HttpRoute, RetryPolicy, Rewrite, TrafficPolicy } from '../../discovery/model/policy.ts';
import {
  RedirectAction_RedirectResponseCode,
  type RedirectAction,
  type Route,
  type RouteAction,
  type RouteAction_RequestMirrorPolicy,
  type RouteMatch,
} from '../../proto/generated/envoy.config.route.v3.ts';
import { fractionalPercent } from './fractional-percent.ts';
import { requestHash } from './hash-policy.ts';
import { declaredAuthority, headerFields } from './header-operations.ts';
import { retryPolicy } from './retry-policy.ts';
import { perFilterConfig } from './route-filters.ts';
import { duration, uint32 } from './well-known-types.ts';

/** Clusters in the order of the route's destinations and mirrors. */
export interface RouteClusters {
  readonly destinations: readonly string[];
  readonly mirrors: readonly string[];
  /** How the endpoints of each destination are talked to. */
  readonly policies: readonly (TrafficPolicy | undefined)[];
  /** The port that the request came to. */
  readonly port: number;
  /** Where the route says nothing of them. */
  readonly retries: RetryPolicy | undefined;
}

export function declaredRoute(http: HttpRoute, match: RouteMatch, clusters: RouteClusters): Route {
  const shared = {
    ...(http.name === '' ? {} : { name: http.name }),
    match,
    ...headerFields(http.headers),
    ...perFilterConfig(http),
  };
  if (http.redirect !== undefined) return { ...shared, redirect: redirectAction(http.redirect, clusters.port) };
  if (http.directResponse !== undefined) {
    const { status, body, bodyBytes } = http.directResponse;
    if (bodyBytes !== undefined) return { ...shared, directResponse: { status, body: { inlineBytes: bodyBytes } } };
    return { ...shared, directResponse: { status, ...(body === undefined ? {} : { body: { inlineString: body } }) } };
  }
  // Envoy refuses a choice of no cluster, and with it every other route of the host.
  if (http.destinations.every(({ weight }) => weight === 0)) return { ...shared, directResponse: { status: 503 } };
  return { ...shared, route: routeAction(http, match, clusters) };
}

function routeAction(http: HttpRoute, match: RouteMatch, clusters: RouteClusters): RouteAction {
  const retries = retryPolicy(http.retries ?? clusters.retries);
  const authority = http.rewrite?.authority ?? declaredAuthority(http.headers);
  const mirrors = mirrorPolicies(http, clusters.mirrors);
  const hashPolicy = requestHash(clusters.policies.filter((_, index) => http.destinations[index]?.weight !== 0));
  return {
    ...clusterChoice(http, clusters.destinations),
    ...pathRewrite(http.rewrite, match),
    ...(authority === undefined ? {} : { hostRewriteLiteral: authority }),
    timeout: duration(http.timeoutMs ?? 0),
    ...(retries === undefined ? {} : { retryPolicy: retries }),
    ...(mirrors.length === 0 ? {} : { requestMirrorPolicies: mirrors }),
    ...(hashPolicy.length === 0 ? {} : { hashPolicy }),
  };
}

// `/app` rewritten to `/` means that `/app/page` becomes `/page`; swapping the prefix alone would give `//page`.
function pathRewrite(
  rewrite: Rewrite | undefined,
  { prefix, caseSensitive }: RouteMatch,
): Pick<RouteAction, 'prefixRewrite' | 'regexRewrite'> {
  if (rewrite?.uriRegex !== undefined) {
    return { regexRewrite: { pattern: { regex: rewrite.uriRegex.match }, substitution: rewrite.uriRegex.rewrite } };
  }
  const uri = rewrite?.uri;
  if (uri === undefined) return {};
  if (uri !== '/' || prefix === undefined || prefix.endsWith('/')) return { prefixRewrite: uri };
  const quoted = prefix.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
  const flags = caseSensitive?.value === false ? '(?i)' : '';
  return { regexRewrite: { pattern: { regex: `${flags}^${quoted}/?(.*)` }, substitution: String.raw`/\1` } };
}

function clusterChoice(
  http: HttpRoute,
  clusters: readonly string[],
): Pick<RouteAction, 'cluster' | 'weightedClusters'> {
  const weighted = http.destinations.flatMap(({ weight, headers }, index) => {
    const name = clusters[index];
    if (name === undefined || weight === 0) return [];
    const hostRewriteLiteral = declaredAuthority(headers);
    const rewrite = hostRewriteLiteral === undefined ? {} : { hostRewriteLiteral };
    return [{ name, weight: uint32(weight), ...headerFields(headers), ...rewrite }];
  });
  const [only, ...others] = weighted;
  if (only !== undefined && others.length === 0 && Object.keys(only).length === 2) return { cluster: only.name };
  return { weightedClusters: { clusters: weighted } };
}

function mirrorPolicies(http: HttpRoute, clusters: readonly string[]): readonly RouteAction_RequestMirrorPolicy[] {
  return (http.mirrors ?? []).flatMap(({ percent }, index) => {
    const cluster = clusters[index];
    if (cluster === undefined) return [];
    return [{ cluster, runtimeFraction: { defaultValue: fractionalPercent(percent) } }];
  });
}

function redirectAction(redirect: HttpRedirect, requestPort: number): RedirectAction {
  const port = redirect.derivePort === 'from-request-port' ? requestPort : redirect.port;
  return {
    ...(redirect.uri === undefined ? {} : { pathRedirect: redirect.uri }),
    ...(redirect.authority === undefined ? {} : { hostRedirect: redirect.authority }),
    ...(redirect.scheme === undefined ? {} : { schemeRedirect: redirect.scheme }),
    ...(port === undefined ? {} : { portRedirect: port }),
    responseCode: redirectCode(redirect.redirectCode),
  };
}

function redirectCode(status: number): RedirectAction_RedirectResponseCode {
  const codes = RedirectAction_RedirectResponseCode;
  switch (status) {
    case 302:
      return codes.FOUND;
    case 303:
      return codes.SEE_OTHER;
    case 307:
      return codes.TEMPORARY_REDIRECT;
    case 308:
      return codes.PERMANENT_REDIRECT;
    default:
      return codes.MOVED_PERMANENTLY;
  }
}
