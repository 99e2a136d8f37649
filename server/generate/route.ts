// Routes of a virtual host: what a VirtualService declares for a host, or the plain route to all of its endpoints.

import type {
  Destination,
  HttpMatch,
  HttpRedirect,
  HttpRoute,
  VirtualServicePolicy,
} from '../../discovery/model/policy.ts';
import type { Problem } from '../../discovery/model/problem.ts';
import {
  RedirectAction_RedirectResponseCode,
  type RedirectAction,
  type Route,
  type RouteAction,
  type RouteMatch,
} from '../../proto/generated/envoy.config.route.v3.ts';
import type { OutboundView } from '../view/outbound-view.ts';
import { labelsMatch } from '../view/visibility.ts';
import { declaredAuthority, headerFields } from './header-operations.ts';
import { outboundClusterName } from './names.ts';
import { retryPolicy } from './retry-policy.ts';
import { anyRequest, routeMatch, takesEverything } from './route-match.ts';
import { duration, uint32 } from './well-known-types.ts';

export interface DeclaredRoutes {
  readonly routes: readonly Route[];
  /** Destinations that do not exist: their requests are answered with 503. */
  readonly problems: readonly Problem[];
}

/** Every request to one cluster, with default retries and no timeout. */
export function plainRoute(cluster: string): Route {
  return {
    name: 'default',
    match: anyRequest,
    route: { cluster, timeout: duration(0), retryPolicy: retryPolicy(undefined) },
  };
}

/**
 * The routes that `policy` declares for requests to `port`, in order, up to the first that takes every request. A request
 * that none of them takes is answered with 404, as Istio does.
 */
export function declaredRoutes(
  view: OutboundView,
  policy: VirtualServicePolicy,
  options: { readonly port: number; readonly gateway: string },
): DeclaredRoutes {
  const routes: Route[] = [];
  const problems: Problem[] = [];
  for (const [index, http] of policy.http.entries()) {
    const matches = applicableMatches(view, http, options);
    if (matches.length === 0) continue;
    const destinations = http.destinations.map(({ destination }) => resolve(view, destination, options.port));
    for (const [place, { problem }] of destinations.entries()) {
      if (problem === undefined) continue;
      const field = `spec.http[${index}].route[${place}].destination`;
      problems.push({
        severity: 'warning',
        code: 'unknown-destination',
        object: policy.source,
        origin: policy.origin,
        field,
        message: problem,
      });
    }
    const clusters = destinations.map(({ cluster }) => cluster);
    for (const match of matches) {
      routes.push(declaredRoute(http, match, clusters));
      if (takesEverything(match)) return { routes, problems };
    }
  }
  return { routes, problems };
}

function applicableMatches(
  view: OutboundView,
  http: HttpRoute,
  { port, gateway }: { readonly port: number; readonly gateway: string },
): readonly RouteMatch[] {
  if (http.matches.length === 0) return [anyRequest];
  const labels = Object.fromEntries(view.scope.labels);
  const applies = (match: HttpMatch): boolean =>
    (match.port === undefined || match.port === port) &&
    (match.gateways.length === 0 || match.gateways.includes(gateway)) &&
    (match.sourceNamespace === undefined || match.sourceNamespace === view.scope.namespace) &&
    labelsMatch(match.sourceLabels, labels);
  return http.matches.filter(applies).map((match) => routeMatch(match));
}

function declaredRoute(http: HttpRoute, match: RouteMatch, clusters: readonly string[]): Route {
  const shared = { ...(http.name === '' ? {} : { name: http.name }), match, ...headerFields(http.headers) };
  if (http.redirect !== undefined) return { ...shared, redirect: redirectAction(http.redirect) };
  if (http.directResponse !== undefined) {
    const { status, body } = http.directResponse;
    return { ...shared, directResponse: { status, ...(body === undefined ? {} : { body: { inlineString: body } }) } };
  }
  // Envoy refuses a choice of no cluster, and with it every other route of the host.
  if (http.destinations.every(({ weight }) => weight === 0)) return { ...shared, directResponse: { status: 503 } };
  return { ...shared, route: routeAction(http, match, clusters) };
}

function routeAction(http: HttpRoute, match: RouteMatch, clusters: readonly string[]): RouteAction {
  const retries = retryPolicy(http.retries);
  const authority = http.rewrite?.authority ?? declaredAuthority(http.headers);
  return {
    ...clusterChoice(http, clusters),
    ...(http.rewrite?.uri === undefined ? {} : pathRewrite(http.rewrite.uri, match)),
    ...(authority === undefined ? {} : { hostRewriteLiteral: authority }),
    timeout: duration(http.timeoutMs ?? 0),
    ...(retries === undefined ? {} : { retryPolicy: retries }),
  };
}

// `/app` rewritten to `/` means that `/app/page` becomes `/page`; swapping the prefix alone would give `//page`.
function pathRewrite(uri: string, { prefix }: RouteMatch): Pick<RouteAction, 'prefixRewrite' | 'regexRewrite'> {
  if (uri !== '/' || prefix === undefined || prefix.endsWith('/')) return { prefixRewrite: uri };
  const quoted = prefix.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
  return { regexRewrite: { pattern: { regex: `^${quoted}/?(.*)` }, substitution: String.raw`/\1` } };
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

function redirectAction(redirect: HttpRedirect): RedirectAction {
  return {
    ...(redirect.uri === undefined ? {} : { pathRedirect: redirect.uri }),
    ...(redirect.authority === undefined ? {} : { hostRedirect: redirect.authority }),
    ...(redirect.scheme === undefined ? {} : { schemeRedirect: redirect.scheme }),
    ...(redirect.port === undefined ? {} : { portRedirect: redirect.port }),
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

// Envoy answers 503 for a cluster that it does not have, so an unknown destination harms its own requests only.
function resolve(
  view: OutboundView,
  { host, subset = '', port }: Destination,
  requestPort: number,
): { readonly cluster: string; readonly problem: string | undefined } {
  const service = view.service(host);
  const ports = service?.ports ?? [];
  const onlyPort = ports.length === 1 ? ports[0]?.port : undefined;
  const chosen = port ?? onlyPort ?? requestPort;
  const cluster = outboundClusterName({ host, port: chosen, subset });
  const consequence = 'its requests are answered with 503';
  if (service === undefined) {
    return {
      cluster,
      problem: `No service ${host} is visible here, so ${consequence}; check the name and its exportTo.`,
    };
  }
  if (!ports.some((candidate) => candidate.port === chosen)) {
    return { cluster, problem: `Service ${host} has no port ${chosen}, so ${consequence}; name one of its ports.` };
  }
  if (subset !== '' && view.destinationRule(host)?.subsets.some(({ name }) => name === subset) !== true) {
    const remedy = 'declare it in a DestinationRule for the host';
    return { cluster, problem: `Host ${host} has no subset ${subset}, so ${consequence}; ${remedy}.` };
  }
  return { cluster, problem: undefined };
}
