// Whether a route configuration, a virtual host or a route is one that a patch is for.

import type { EnvoyPatch, RouteActionKind } from '../../discovery/model/policy.ts';
import type { Route, RouteConfiguration, VirtualHost } from '../../proto/generated/envoy.config.route.v3.ts';

/** A server of a Gateway whose requests a route configuration is for. */
export interface RoutedServer {
  readonly ports: ReadonlySet<number>;
  readonly portName: string;
  /** `NAMESPACE/NAME` */
  readonly gateway: string;
}

/** By the name of the route configuration; empty for sidecars. */
export type RoutedServers = ReadonlyMap<string, readonly RoutedServer[]>;

export function routesMatch(
  { name = '' }: RouteConfiguration,
  { route: match }: EnvoyPatch,
  routedServers: RoutedServers,
): boolean {
  if (match === undefined) return true;
  const { port, portName, gateway } = match;
  if (match.name !== undefined && match.name !== name) return false;
  const servers = routedServers.get(name);
  if (servers === undefined) return port === undefined || port === portOf(name);
  return servers.some(
    (server) =>
      (port === undefined || server.ports.has(port)) &&
      (portName === undefined || portName === server.portName) &&
      (gateway === undefined || gateway === server.gateway),
  );
}

/** `80`, `inbound|8080||` */
function portOf(name: string): number {
  return Number(name.startsWith('inbound|') ? name.split('|')[1] : name);
}

/** A virtual host that travels by itself has the name of its route configuration before its own. */
export function virtualHostMatches(routeName: string, host: VirtualHost, { route: match }: EnvoyPatch): boolean {
  const wanted = match?.virtualHost;
  if (wanted === undefined) return true;
  const { name = '', domains = [] } = host;
  return (
    (wanted.name === undefined || wanted.name === name || `${routeName}/${wanted.name}` === name) &&
    (wanted.domain === undefined || domains.includes(wanted.domain))
  );
}

/** Whether the patch says which routes of a virtual host it is for. */
export function namesRoute({ route: match }: EnvoyPatch): boolean {
  return match?.virtualHost?.route !== undefined;
}

export function routeMatches(route: Route, { route: match }: EnvoyPatch): boolean {
  const wanted = match?.virtualHost?.route;
  if (wanted === undefined) return true;
  if (wanted.name !== undefined && wanted.name !== route.name) return false;
  return wanted.action === undefined || hasAction(route, wanted.action);
}

function hasAction(route: Route, action: RouteActionKind): boolean {
  const members = { route: route.route, redirect: route.redirect, 'direct-response': route.directResponse } as const;
  return members[action] !== undefined;
}
