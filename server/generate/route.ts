// Routes of a virtual host: what VirtualServices declare for a host, or the plain route to all of its endpoints.

import type { MeshConfig } from '../../discovery/model/mesh-config.ts';
import type { HttpMatch, HttpRoute, TrafficPolicy, VirtualServicePolicy } from '../../discovery/model/policy.ts';
import type { Problem } from '../../discovery/model/problem.ts';
import type { Route, RouteMatch } from '../../proto/generated/envoy.config.route.v3.ts';
import type { OutboundView } from '../view/outbound-view.ts';
import { labelsMatch } from '../view/visibility.ts';
import { requestHash } from './hash-policy.ts';
import { retryPolicy } from './retry-policy.ts';
import { declaredRoute } from './route-action.ts';
import { destinationMessage, resolveDestination, type ResolvedDestination } from './route-destination.ts';
import { anyRequest, asksForClaims, routeMatch, takesEverything } from './route-match.ts';
import { duration } from './well-known-types.ts';

export interface DeclaredRoutes {
  readonly routes: readonly Route[];
  /** Destinations that do not exist: their requests are answered with 503. */
  readonly problems: readonly Problem[];
}

/** Where the routes are for. */
export interface RoutePlace {
  /** The port that requests come to. */
  readonly port: number;
  /** `mesh`, or `NAMESPACE/NAME`. */
  readonly gateway: string;
  /** They come by TLS that ended here. */
  readonly isTls?: boolean | undefined;
}

/** Every request to one cluster, with default retries and no timeout. */
export function plainRoute(cluster: string, { traffic }: MeshConfig, policy?: TrafficPolicy): Route {
  const hashPolicy = requestHash([policy]);
  const retries = retryPolicy(traffic?.retries, { isHashed: hashPolicy.length > 0 });
  return {
    name: 'default',
    match: anyRequest,
    route: {
      cluster,
      timeout: duration(0),
      ...(retries === undefined ? {} : { retryPolicy: retries }),
      ...(hashPolicy.length === 0 ? {} : { hashPolicy }),
    },
  };
}

/**
 * The routes that `policies` declare for requests to a port, in order, up to the first that takes every request. Of several
 * policies, those that take every request come last, as in Istio, and the first of them holds. A request that none of the
 * routes takes is answered with 404.
 */
export function declaredRoutes(
  view: OutboundView,
  policies: readonly VirtualServicePolicy[],
  place: RoutePlace,
): DeclaredRoutes {
  return joinRoutes(policies.map((policy) => routesOf(view, policy, place)));
}

/** Routes of several places or policies for one host, those that take every request last. */
export function joinRoutes(each: readonly DeclaredRoutes[]): DeclaredRoutes {
  const routes = each.flatMap((one) => one.routes);
  const rest = routes.find(({ match }) => match !== undefined && takesEverything(match));
  return {
    routes: [
      ...routes.filter(({ match }) => match === undefined || !takesEverything(match)),
      ...(rest === undefined ? [] : [rest]),
    ],
    problems: each.flatMap(({ problems }) => problems),
  };
}

/** Of one policy. The last route is the only one that may take every request. */
function routesOf(view: OutboundView, policy: VirtualServicePolicy, place: RoutePlace): DeclaredRoutes {
  const routes: Route[] = [];
  const problems: Problem[] = [];
  for (const [index, http] of policy.http.entries()) {
    const matches = applicableMatches(view, http, place);
    if (matches.length === 0) continue;
    const destinations = http.destinations.map(({ destination }) => resolveDestination(view, destination, place.port));
    const mirrors = (http.mirrors ?? []).map(({ destination }) => resolveDestination(view, destination, place.port));
    const at = { policy, http, index };
    problems.push(
      ...unknown(destinations, { ...at, list: 'route', consequence: 'its requests are answered with 503' }),
      ...unknown(mirrors, { ...at, list: 'mirrors', consequence: 'nothing is copied to it' }),
    );
    const clusters = {
      destinations: destinations.map(({ cluster }) => cluster),
      mirrors: mirrors.map(({ cluster }) => cluster),
      policies: destinations.map(({ policy: traffic }) => traffic),
      port: place.port,
      isTls: place.isTls,
      retries: view.config.traffic?.retries,
    };
    for (const { name, match, statPrefix } of matches) {
      const route = declaredRoute({ ...http, name: routeNameOf(http.name, name) }, match, clusters);
      routes.push(statPrefix === undefined ? route : { ...route, statPrefix });
      if (takesEverything(match)) return { routes, problems };
    }
  }
  return { routes, problems };
}

interface ProblemPlace {
  readonly policy: VirtualServicePolicy;
  readonly http: HttpRoute;
  readonly index: number;
  readonly list: 'route' | 'mirrors';
  readonly consequence: string;
}

function unknown(destinations: readonly ResolvedDestination[], at: ProblemPlace): readonly Problem[] {
  const { policy, http, index, list, consequence } = at;
  return destinations.flatMap(({ problem }, number) => {
    if (problem === undefined) return [];
    const declared = list === 'mirrors' ? http.mirrors?.[number]?.field : undefined;
    return [
      {
        severity: 'warning' as const,
        code: 'unknown-destination',
        object: http.place?.source ?? policy.source,
        origin: http.place?.source === undefined ? policy.origin : http.place.origin,
        field: `${http.place?.field ?? `spec.http[${index}]`}.${declared ?? `${list}[${number}].destination`}`,
        message: destinationMessage(problem, consequence),
      },
    ];
  });
}

interface ApplicableMatch {
  readonly name?: string | undefined;
  readonly match: RouteMatch;
  readonly statPrefix?: string | undefined;
}

function applicableMatches(view: OutboundView, http: HttpRoute, place: RoutePlace): readonly ApplicableMatch[] {
  if (http.matches.length === 0) return [{ match: anyRequest }];
  return http.matches
    .filter((match) => appliesHere(view, match, place) && !(place.gateway === 'mesh' && asksForClaims(match)))
    .map((match) => ({ name: match.name, match: routeMatch(match), statPrefix: match.statPrefix }));
}

/** As in Istio's access logs: the match behind the route. */
function routeNameOf(route: string, match = ''): string {
  return match === '' ? route : `${route}.${match}`;
}

/** What of a match is known before the request: port, gateway and source. */
export function appliesHere(
  { scope }: OutboundView,
  match: Pick<HttpMatch, 'port' | 'gateways' | 'sourceNamespace' | 'sourceLabels'>,
  { port, gateway }: RoutePlace,
): boolean {
  return (
    (match.port === undefined || match.port === port) &&
    (match.gateways.length === 0 || match.gateways.includes(gateway)) &&
    (match.sourceNamespace === undefined || match.sourceNamespace === scope.namespace) &&
    labelsMatch(match.sourceLabels, Object.fromEntries(scope.labels))
  );
}
