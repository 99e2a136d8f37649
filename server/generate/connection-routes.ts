// TCP and TLS routes of VirtualServices: which connections go to which clusters, by the server name of their hello and where
// they come from. In: a VirtualService and a place. Out: routes in order, and findings about their destinations.

import ipaddr from 'ipaddr.js';
import type { ConnectionMatch, VirtualServicePolicy, WeightedDestination } from '../../discovery/model/policy.ts';
import type { Problem } from '../../discovery/model/problem.ts';
import type { OutboundView } from '../view/outbound-view.ts';
import { destinationMessage, resolveDestination } from './route-destination.ts';
import { appliesHere, type RoutePlace } from './route.ts';
import { connectionSettings, type ConnectionSettings, type WeightedClusters } from './tcp-proxy.ts';

export interface ConnectionRoute {
  /** Server names, `*.example.com` for those below; empty: any connection, with a server name or without. */
  readonly serverNames: readonly string[];
  readonly sourceSubnet?: string | undefined;
  /** Empty: going anywhere. */
  readonly destinationSubnets: readonly string[];
  readonly clusters: WeightedClusters;
  /** What a DestinationRule says of connections to the first of them; absent: nothing. */
  readonly settings?: ConnectionSettings | undefined;
}

export interface ConnectionRoutes {
  readonly routes: readonly ConnectionRoute[];
  readonly problems: readonly Problem[];
}

/** Those by server name first, as in Istio. */
export function connectionRoutes(
  view: OutboundView,
  policy: VirtualServicePolicy,
  place: RoutePlace,
): ConnectionRoutes {
  const routes: ConnectionRoute[] = [];
  const problems: Problem[] = [];
  const add = (destinations: readonly WeightedDestination[], field: string, matches: readonly RouteMatch[]): void => {
    const applicable = matches.filter((match) => appliesHere(view, match, place));
    if (applicable.length === 0) return;
    const targets = weightedClusters(view, destinations, place.port);
    problems.push(...targets.problems.map((problem) => problemAt(policy, field, problem)));
    for (const { sniHosts = [], sourceSubnet, destinationSubnets } of applicable) {
      routes.push({
        serverNames: sniHosts,
        sourceSubnet,
        destinationSubnets,
        clusters: targets.clusters,
        ...targets.handed,
      });
    }
  };
  for (const [index, { matches, destinations }] of policy.tls.entries()) {
    add(destinations, `spec.tls[${index}]`, matches);
  }
  for (const [index, { matches, destinations }] of policy.tcp.entries()) {
    add(destinations, `spec.tcp[${index}]`, matches.length === 0 ? [anyConnection] : matches);
  }
  return { routes, problems };
}

type RouteMatch = ConnectionMatch & { readonly sniHosts?: readonly string[] };

const anyConnection: RouteMatch = Object.freeze({ destinationSubnets: [], sourceLabels: {}, gateways: [] });

interface Unknown {
  readonly number: number;
  readonly message: string;
}

function weightedClusters(
  view: OutboundView,
  destinations: readonly WeightedDestination[],
  port: number,
): {
  readonly clusters: WeightedClusters;
  readonly handed: Pick<ConnectionRoute, 'settings'>;
  readonly problems: readonly Unknown[];
} {
  const problems: Unknown[] = [];
  const settings: (ConnectionSettings | undefined)[] = [];
  const clusters = destinations.flatMap(({ destination, weight }, number) => {
    const { cluster: name, problem, policy } = resolveDestination(view, destination, port);
    if (problem !== undefined) {
      problems.push({ number, message: destinationMessage(problem, 'its connections are closed') });
    }
    if (weight === 0) return [];
    settings.push(policy === undefined ? undefined : connectionSettings(policy));
    return [{ name, weight }];
  });
  return { clusters, handed: settings[0] === undefined ? {} : { settings: settings[0] }, problems };
}

function problemAt(policy: VirtualServicePolicy, field: string, { number, message }: Unknown): Problem {
  const { source: object, origin } = policy;
  return {
    severity: 'warning',
    code: 'unknown-destination',
    object,
    origin,
    field: `${field}.route[${number}].destination`,
    message,
  };
}

/** Whether a route is for connections to `address`. */
export function leadsTo({ destinationSubnets }: ConnectionRoute, address: string): boolean {
  return destinationSubnets.length === 0 || destinationSubnets.some((subnet) => isWithin(address, subnet));
}

function isWithin(address: string, subnet: string): boolean {
  const parsed = ipaddr.parse(address);
  const range = ipaddr.parseCIDR(subnet);
  return parsed.kind() === range[0].kind() && parsed.match(range);
}

/**
 * Each pair of server name and source once, the first route that has it: Envoy chooses by the most specific and refuses a
 * listener that has one twice.
 */
export function distinctRoutes<R extends ConnectionRoute>(routes: readonly R[]): readonly R[] {
  const taken = new Set<string>();
  return routes.flatMap((route) => {
    const source = route.sourceSubnet ?? '';
    if (route.serverNames.length === 0) {
      if (taken.has(`any ${source}`)) return [];
      taken.add(`any ${source}`);
      return [route];
    }
    const serverNames = route.serverNames.filter((name) => !taken.has(`name ${name} ${source}`));
    for (const name of serverNames) taken.add(`name ${name} ${source}`);
    return serverNames.length === 0 ? [] : [{ ...route, serverNames }];
  });
}
