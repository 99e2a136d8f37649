// What a VirtualService (or, without one, the mesh) does with requests to one port of a host: routes in order, what each
// matches, where it sends, and the resulting share of every cluster.

import type { MeshSnapshot } from '../../discovery/model/mesh-snapshot.ts';
import type { ClusterId } from '../../discovery/model/names.ts';
import { compareText } from '../../discovery/model/network-gateway.ts';
import type {
  Destination,
  HeaderMatch,
  HttpMatch,
  HttpRoute,
  StringMatch,
  VirtualServicePolicy,
} from '../../discovery/model/policy.ts';
import type { MeshService, ServicePort } from '../../discovery/model/service.ts';
import type { Proxy } from '../proxy/proxy.ts';
import { outboundClusterName } from '../generate/names.ts';
import { selectionOf, trafficPolicyOf } from '../generate/traffic-policy.ts';
import { buildOutboundView, type EndpointSelection } from '../view/outbound-view.ts';
import type { OutboundScope } from '../view/scope.ts';
import { labelsMatch } from '../view/visibility.ts';
import { explainEndpoints } from './explain-endpoints.ts';
import { roundPercent, type WhyDestination, type WhyRoute, type WhyShare } from './why-report.ts';

export interface RoutesQuestion {
  readonly mesh: MeshSnapshot;
  readonly scope: OutboundScope;
  readonly proxy: Proxy;
  readonly service: MeshService;
  readonly port: ServicePort;
  /** Of the host, when the port speaks HTTP. */
  readonly virtualService?: VirtualServicePolicy | undefined;
}

/** Routes in the order in which they are tried. */
export function explainRoutes(question: RoutesQuestion): readonly WhyRoute[] {
  const routes = question.virtualService?.http ?? [];
  if (routes.length > 0) return routes.map((route) => explainRoute(route, question));
  const destination = explainDestination({ host: question.service.host, port: question.port.port }, 100, question);
  return [{ name: 'default', match: 'everything', destinations: [destination], shares: sharesOf([destination]) }];
}

function explainRoute(route: HttpRoute, question: RoutesQuestion): WhyRoute {
  const total = route.destinations.reduce((sum, { weight }) => sum + weight, 0);
  const destinations = route.destinations.map(({ destination, weight }) =>
    explainDestination(destination, total === 0 ? 0 : roundPercent((100 * weight) / total), question),
  );
  const skipped = reasonToSkip(route, question);
  const action = actionOf(route);
  return {
    name: route.name === '' ? 'unnamed' : route.name,
    match: route.matches.length === 0 ? 'everything' : route.matches.map(matchText).join(', or '),
    ...(skipped === undefined ? {} : { skipped }),
    ...(action === undefined ? {} : { action }),
    destinations,
    shares: sharesOf(destinations),
  };
}

function explainDestination(
  { host, subset, port: asked }: Destination,
  weightPercent: number,
  question: RoutesQuestion,
): WhyDestination {
  const { mesh, scope } = question;
  const view = buildOutboundView(scope, mesh);
  const service = view.service(host);
  const named = { host, ...(subset === undefined ? {} : { subset }), weightPercent };
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
  const selected = selectionOf(trafficPolicyOf(rule, port.port, declared), declared, mesh.config);
  const selection: EndpointSelection =
    scope.type === 'router' ? { labels: selected.labels, reach: 'direct-mtls' } : selected;
  const endpoints = explainEndpoints({ mesh, scope, host, port, selection });
  const usable = endpoints.some((group) => group.percent > 0);
  return { ...described, ...(usable ? {} : { problem: 'no endpoint can be used' }), endpoints };
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
function reasonToSkip(route: HttpRoute, question: RoutesQuestion): string | undefined {
  if (route.matches.length === 0) return undefined;
  const reasons = route.matches.map((match) => reasonAgainst(match, question));
  return reasons.includes(undefined) ? undefined : reasons[0];
}

function reasonAgainst(match: HttpMatch, { proxy, port }: RoutesQuestion): string | undefined {
  if (match.port !== undefined && match.port !== port.port) return `it is for port ${String(match.port)}`;
  if (match.gateways.length > 0 && !match.gateways.includes('mesh')) {
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

function matchText(match: HttpMatch): string {
  const parts = [
    named('path', match.uri),
    named('scheme', match.scheme),
    named('method', match.method),
    named('authority', match.authority),
    ...match.headers.map((header) => `header ${headerText(header)}`),
    ...match.withoutHeaders.map((header) => `not header ${headerText(header)}`),
    ...match.queryParams.map((parameter) => `query ${headerText(parameter)}`),
    match.port === undefined ? undefined : `port ${String(match.port)}`,
  ].filter((part) => part !== undefined);
  return parts.length === 0 ? 'everything' : parts.join(' and ');
}

function named(what: string, match: StringMatch | undefined): string | undefined {
  return match === undefined ? undefined : `${what} ${stringMatchText(match)}`;
}

function headerText({ name, match }: HeaderMatch): string {
  return match.kind === 'present' ? `${name} present` : `${name} ${stringMatchText(match)}`;
}

function stringMatchText({ kind, value }: StringMatch): string {
  if (kind === 'exact') return `is ${value}`;
  return kind === 'prefix' ? `starts with ${value}` : `matches ${value}`;
}

function actionOf({ redirect, directResponse }: HttpRoute): string | undefined {
  if (redirect !== undefined) {
    const to = [redirect.scheme, redirect.authority, redirect.uri].filter((part) => part !== undefined).join(' ');
    return `redirects with ${String(redirect.redirectCode)} to ${to}`;
  }
  if (directResponse !== undefined) return `answers ${String(directResponse.status)} itself`;
  return undefined;
}
