// What a VirtualService (or, without one, the mesh) does with requests to one port of a host: routes in order, what each
// matches, where it sends, and the resulting share of every cluster.

import type { MeshSnapshot } from '../../discovery/model/mesh-snapshot.ts';
import type { ClusterId } from '../../discovery/model/names.ts';
import { compareText } from '../../discovery/model/network-gateway.ts';
import type {
  ConnectionMatch,
  Destination,
  HeaderOperations,
  HttpMatch,
  HttpRoute,
  TcpRoute,
  TlsMatch,
  TlsRoute,
  VirtualServicePolicy,
  WeightedDestination,
} from '../../discovery/model/policy.ts';
import { isHttp, type MeshService, type ServicePort } from '../../discovery/model/service.ts';
import type { Proxy } from '../proxy/proxy.ts';
import { outboundClusterName } from '../generate/names.ts';
import { selectionOf, trafficPolicyOf } from '../generate/traffic-policy.ts';
import { buildOutboundView, type EndpointSelection } from '../view/outbound-view.ts';
import type { OutboundScope } from '../view/scope.ts';
import { labelsMatch } from '../view/visibility.ts';
import { withoutHeaders } from './asked-headers.ts';
import { all, dependsOn, no, some, yes, type Decision } from './decision.ts';
import { explainAccess } from './explain-access.ts';
import { explainEndpoints } from './explain-endpoints.ts';
import { matchText, takesRequest, type AskedRequest } from './match-request.ts';
import { redirectText, routeDetails } from './route-details.ts';
import { roundPercent, type WhyDestination, type WhyEndpoints, type WhyRoute, type WhyShare } from './why-report.ts';

export interface RoutesQuestion {
  readonly mesh: MeshSnapshot;
  readonly scope: OutboundScope;
  readonly proxy: Proxy;
  readonly service: MeshService;
  readonly port: ServicePort;
  /** Of the host, for this proxy. */
  readonly virtualService?: VirtualServicePolicy | undefined;
  /** Where its routes are followed: `mesh`, or `NAMESPACE/NAME` of a Gateway. */
  readonly gateway: string;
  readonly request: AskedRequest;
}

/** Routes in the order in which they are tried. */
export function explainRoutes(question: RoutesQuestion): readonly WhyRoute[] {
  const { virtualService, port, service } = question;
  const declared = virtualService === undefined ? [] : declaredRoutes(virtualService, port);
  const routes = inTurn(declared.map((route) => explainRoute(route, question)));
  if (declared.length > 0 && isHttp(port.protocol)) return routes;
  // A connection that no route takes goes where it was made to, at a gateway alone it is closed.
  if (declared.length > 0 && question.gateway !== 'mesh') return routes;
  if (routes.some(({ takes }) => takes === 'yes')) return routes;
  const destination = explainDestination({ host: service.host, port: port.port }, 100, question);
  return [...routes, { ...plainRoute, destinations: [destination], shares: sharesOf([destination]) }];
}

const plainRoute = Object.freeze({
  name: 'default',
  match: 'everything',
  takes: 'yes',
  dependsOn: [],
  details: [],
} as const);

/** A route of any kind, as far as they are alike. */
interface DeclaredRoute {
  readonly name: string;
  readonly match: string;
  readonly place: string;
  readonly destinations: readonly WeightedDestination[];
  readonly details: readonly string[];
  readonly action?: string | undefined;
  /** What is behind it sees another path than the caller asks for. */
  readonly rewritesPath: boolean;
  /** Names of the headers of requests that it sets, adds or removes. */
  readonly changesHeaders: readonly string[];
  readonly decision: (request: AskedRequest) => Decision;
  readonly matches: readonly PlaceMatch[];
}

type PlaceMatch = Pick<HttpMatch, 'port' | 'gateways' | 'sourceNamespace' | 'sourceLabels'>;

/** TLS routes are tried before TCP routes. */
function declaredRoutes({ http, tls, tcp }: VirtualServicePolicy, { protocol }: ServicePort): readonly DeclaredRoute[] {
  if (isHttp(protocol)) return http.map(httpRoute);
  return [
    ...tls.map((route, index) => connectionRoute(route, `spec.tls[${String(index)}]`)),
    ...tcp.map((route, index) => connectionRoute(route, `spec.tcp[${String(index)}]`)),
  ];
}

function httpRoute(route: HttpRoute, index: number): DeclaredRoute {
  const { name, matches, destinations, place, rewrite } = route;
  const action = actionOf(route);
  const field = place?.field ?? `spec.http[${String(index)}]`;
  return {
    name: name === '' ? 'unnamed' : name,
    match: matches.length === 0 ? 'everything' : matches.map(matchText).join(', or '),
    place: place?.source === undefined ? field : `${field} of ${place.source}`,
    destinations,
    details: routeDetails(route),
    ...(action === undefined ? {} : { action }),
    rewritesPath: rewrite?.uri !== undefined || rewrite?.uriRegex !== undefined,
    changesHeaders: namesChanged(route.headers),
    decision: (request) => takesRequest(matches, request),
    matches,
  };
}

function connectionRoute({ matches, destinations }: TcpRoute | TlsRoute, place: string): DeclaredRoute {
  const decisions = matches.map(connectionDecision);
  return {
    name: 'unnamed',
    match: matches.length === 0 ? 'everything' : matches.map(connectionText).join(', or '),
    place,
    destinations,
    details: [],
    rewritesPath: false,
    changesHeaders: [],
    decision: () => (decisions.length === 0 ? yes : some(decisions)),
    matches,
  };
}

function connectionText(match: ConnectionMatch | TlsMatch): string {
  const parts = [
    'sniHosts' in match ? `server name ${match.sniHosts.join(' or ')}` : undefined,
    match.destinationSubnets.length === 0 ? undefined : `to ${match.destinationSubnets.join(' or ')}`,
    match.sourceSubnet === undefined ? undefined : `from ${match.sourceSubnet}`,
    match.port === undefined ? undefined : `port ${String(match.port)}`,
  ].filter((part) => part !== undefined);
  return parts.length === 0 ? 'everything' : parts.join(' and ');
}

function connectionDecision(match: ConnectionMatch | TlsMatch): Decision {
  return all([
    'sniHosts' in match ? dependsOn('the server name of the TLS hello') : yes,
    match.destinationSubnets.length === 0 ? yes : dependsOn('the address that is connected to'),
    match.sourceSubnet === undefined ? yes : dependsOn('the address of the caller'),
  ]);
}

/** What an earlier route takes for certain no later one gets. */
function inTurn(routes: readonly WhyRoute[]): readonly WhyRoute[] {
  const first = routes.findIndex(({ takes }) => takes === 'yes');
  if (first < 0) return routes;
  return routes.map((route, index) => {
    if (index <= first || route.skipped !== undefined) return route;
    const before = routes[first]?.name ?? '';
    return {
      ...route,
      takes: 'no',
      dependsOn: [],
      skipped: `an earlier route${before === 'unnamed' ? '' : `, ${before},`} takes them`,
    };
  });
}

function explainRoute(route: DeclaredRoute, question: RoutesQuestion): WhyRoute {
  const total = route.destinations.reduce((sum, { weight }) => sum + weight, 0);
  const destinations = route.destinations.map(({ destination, weight, headers }) => {
    const request = requestBehind(route, namesChanged(headers), question.request);
    return explainDestination(destination, total === 0 ? 0 : roundPercent((100 * weight) / total), {
      ...question,
      request,
    });
  });
  const unfit = reasonToSkip(route.matches, question);
  const decision = unfit === undefined ? route.decision(question.request) : no;
  const skipped = unfit ?? (decision.kind === 'no' ? 'its match does not fit what was asked' : undefined);
  return {
    name: route.name,
    match: route.match,
    place: route.place,
    takes: decision.kind,
    dependsOn: decision.kind === 'depends' ? decision.on : [],
    ...(skipped === undefined ? {} : { skipped }),
    ...(route.action === undefined ? {} : { action: route.action }),
    details: route.details,
    destinations,
    shares: sharesOf(destinations),
  };
}

/** What is still known of the request once the route has done with it. */
function requestBehind(
  { rewritesPath, changesHeaders }: DeclaredRoute,
  changedThere: readonly string[],
  { path, method, headers }: AskedRequest,
): AskedRequest {
  return {
    ...(rewritesPath || path === undefined ? {} : { path }),
    ...(method === undefined ? {} : { method }),
    ...(headers === undefined ? {} : { headers: withoutHeaders(headers, [...changesHeaders, ...changedThere]) }),
  };
}

function namesChanged(headers: HeaderOperations | undefined): readonly string[] {
  if (headers === undefined) return [];
  const { set, add, remove } = headers.request;
  return [...Object.keys(set), ...Object.keys(add), ...remove];
}

function explainDestination(
  { host, subset, port: asked }: Destination,
  weightPercent: number,
  question: RoutesQuestion,
): WhyDestination {
  const { mesh, scope } = question;
  const view = buildOutboundView(scope, mesh);
  const service = view.service(host);
  const named = { host, ...(subset === undefined ? {} : { subset }), weightPercent, access: [] };
  if (service === undefined) {
    return { ...named, problem: `${host} is not a service that this workload can see`, endpoints: [] };
  }
  const port = portOf(service, asked, question.port.port);
  if (port === undefined) {
    return { ...named, problem: `${host} has no port ${String(asked ?? question.port.port)}`, endpoints: [] };
  }
  const rule = view.destinationRule(host);
  const declared = rule?.subsets.find((one) => one.name === subset);
  const described = {
    ...named,
    port: port.port,
    envoyCluster: outboundClusterName({ host, port: port.port, subset: subset ?? '' }),
    ...(rule === undefined ? {} : { destinationRule: rule.source }),
  };
  if (subset !== undefined && declared === undefined) {
    const where = rule === undefined ? 'no DestinationRule holds for it' : `${rule.source} does not have it`;
    return { ...described, problem: `subset ${subset} is not declared: ${where}`, endpoints: [] };
  }
  if (service.kind === 'external-name') return { ...described, endpoints: [] };
  const traffic = trafficPolicyOf(rule, port.port, declared);
  const selected = selectionOf(traffic, declared, mesh.config);
  const selection: EndpointSelection =
    scope.type === 'router' ? { labels: selected.labels, reach: 'direct-mtls' } : selected;
  const { groups: endpoints, used } = explainEndpoints({ mesh, scope, host, port, selection });
  const { proxy, request } = question;
  // A connection that is passed on as it is carries the identity of whoever began it.
  const access =
    selection.reach === 'direct-mtls'
      ? []
      : explainAccess({ mesh, proxy, service, port, request, traffic, endpoints: used });
  const usable = endpoints.some((group) => group.percent > 0);
  return { ...described, ...(usable ? {} : { problem: problemOf(service, endpoints) }), endpoints, access };
}

/** Undefined where requests go on to wherever the name or the connection leads. */
function problemOf({ entry }: MeshService, endpoints: readonly WhyEndpoints[]): string | undefined {
  if (entry !== undefined && entry.resolution === 'none' && endpoints.length === 0) return undefined;
  return 'no endpoint can be used';
}

/** The declared port; else the one asked for, if that host has it; else its only port. */
function portOf(service: MeshService, declared: number | undefined, requested: number): ServicePort | undefined {
  const byNumber = (number: number): ServicePort | undefined => service.ports.find(({ port }) => port === number);
  if (declared !== undefined) return byNumber(declared);
  return byNumber(requested) ?? (service.ports.length === 1 ? service.ports[0] : undefined);
}

/** Whether a destination has anywhere to send to. */
export function isUsable(destination: WhyDestination): boolean {
  return destination.problem === undefined && destination.weightPercent > 0;
}

function sharesOf(destinations: readonly WhyDestination[]): readonly WhyShare[] {
  const shares = new Map<ClusterId, number>();
  for (const { weightPercent, endpoints } of destinations) {
    for (const { clusterId, percent } of endpoints) {
      if (percent > 0) shares.set(clusterId, (shares.get(clusterId) ?? 0) + (weightPercent * percent) / 100);
    }
  }
  return [...shares]
    .toSorted(([a], [b]) => compareText(a, b))
    .map(([clusterId, percent]) => ({ clusterId, percent: roundPercent(percent) }));
}

/** Why no match of the route can take a request of this workload on this port; undefined when one can. */
function reasonToSkip(matches: readonly PlaceMatch[], question: RoutesQuestion): string | undefined {
  if (matches.length === 0) return undefined;
  const reasons = matches.map((match) => reasonAgainst(match, question));
  return reasons.includes(undefined) ? undefined : reasons[0];
}

function reasonAgainst(match: PlaceMatch, { proxy, port, gateway }: RoutesQuestion): string | undefined {
  if (match.port !== undefined && match.port !== port.port) return `it is for port ${String(match.port)}`;
  if (match.gateways.length > 0 && !match.gateways.includes(gateway)) {
    return `it is for gateways ${match.gateways.join(', ')}`;
  }
  if (match.sourceNamespace !== undefined && match.sourceNamespace !== proxy.namespace) {
    return `it is for callers in namespace ${match.sourceNamespace}`;
  }
  if (!labelsMatch(match.sourceLabels, proxy.labels)) {
    const labels = Object.entries(match.sourceLabels).map(([name, value]) => `${name}=${value}`);
    return `it is for callers labelled ${labels.join(', ')}`;
  }
  return undefined;
}

function actionOf({ redirect, directResponse }: HttpRoute): string | undefined {
  if (redirect !== undefined) return redirectText(redirect);
  return directResponse === undefined ? undefined : `answers ${String(directResponse.status)} itself`;
}
