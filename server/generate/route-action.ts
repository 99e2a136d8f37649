// What a declared HTTP route does with a request: sends it on, redirects its client, or answers it.

import type {
  HttpRedirect,
  HttpRoute,
  RetryPolicy,
  Rewrite,
  TrafficPolicy,
  WeightedDestination,
} from '../../discovery/model/policy.ts';
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
import { declaredAuthority, headerFields, joinHeaders } from './header-operations.ts';
import { retryPolicy } from './retry-policy.ts';
import { perFilterConfig } from './route-filters.ts';
import { duration, uint32 } from './well-known-types.ts';

/** Clusters in the order of the route's destinations and mirrors. */
export interface RouteClusters {
  readonly destinations: readonly string[];
  readonly mirrors: readonly string[];
  /** How the endpoints of each destination are talked to. */
  readonly policies: readonly (TrafficPolicy | undefined)[];
  /** The port that the request came to, and whether by TLS that ended here. */
  readonly port: number;
  readonly isTls?: boolean | undefined;
  /** Where the route says nothing of them. */
  readonly retries: RetryPolicy | undefined;
}

export function declaredRoute(http: HttpRoute, match: RouteMatch, clusters: RouteClusters): Route {
  const shared = {
    ...(http.name === '' ? {} : { name: http.name }),
    match,
    ...joinHeaders(headerFields(http.headers), headerFields(onlyDestination(http)?.headers)),
    ...perFilterConfig(http),
  };
  if (http.redirect !== undefined) return { ...shared, redirect: redirectAction(http.redirect, clusters) };
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
  const only = onlyDestination(http);
  const authority =
    http.rewrite?.authority ?? declaredAuthority(http.headers) ?? (only && declaredAuthority(only.headers));
  const mirrors = mirrorPolicies(http, clusters.mirrors);
  const hashPolicy = requestHash(clusters.policies.filter((_, index) => http.destinations[index]?.weight !== 0));
  const retries = retryPolicy(http.retries ?? clusters.retries, { isHashed: hashPolicy.length > 0 });
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
    const cluster = { name, weight: uint32(weight) };
    if (onlyDestination(http) !== undefined) return [cluster];
    const hostRewriteLiteral = declaredAuthority(headers);
    const rewrite = hostRewriteLiteral === undefined ? {} : { hostRewriteLiteral };
    return [{ ...cluster, ...headerFields(headers), ...rewrite }];
  });
  const [only, ...others] = weighted;
  if (only !== undefined && others.length === 0) return { cluster: only.name };
  return { weightedClusters: { clusters: weighted } };
}

/** Its headers are the route's, and as in Istio the last word: Envoy would apply those of a weighted cluster before the route's. */
function onlyDestination({ destinations }: HttpRoute): WeightedDestination | undefined {
  const [only, ...others] = destinations.filter(({ weight }) => weight > 0);
  return others.length === 0 ? only : undefined;
}

function mirrorPolicies(http: HttpRoute, clusters: readonly string[]): readonly RouteAction_RequestMirrorPolicy[] {
  return (http.mirrors ?? []).flatMap(({ percent }, index) => {
    const cluster = clusters[index];
    if (cluster === undefined) return [];
    return [{ cluster, runtimeFraction: { defaultValue: fractionalPercent(percent) } }];
  });
}

function redirectAction(redirect: HttpRedirect, from: Pick<RouteClusters, 'port' | 'isTls'>): RedirectAction {
  const declared = redirect.derivePort === 'from-request-port' ? from.port : redirect.port;
  const scheme = redirect.scheme ?? (from.isTls === true ? 'https' : 'http');
  // The port that a scheme stands for is not written into the URL.
  const port = declared === defaultPorts[scheme] ? undefined : declared;
  return {
    ...(redirect.uri === undefined ? {} : { pathRedirect: redirect.uri }),
    ...(redirect.authority === undefined ? {} : { hostRedirect: redirect.authority }),
    ...(redirect.scheme === undefined ? {} : { schemeRedirect: redirect.scheme }),
    ...(port === undefined ? {} : { portRedirect: port }),
    responseCode: redirectCode(redirect.redirectCode),
  };
}

const defaultPorts: Readonly<Record<string, number>> = { http: 80, https: 443 };

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
