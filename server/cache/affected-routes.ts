// Which hosts' routes must be generated again after a change: those whose VirtualServices changed, and those with routes to a
// service or to subsets that changed.

import type { MeshSnapshot, PolicyIndex } from '../../discovery/model/mesh-snapshot.ts';
import { hostname, type Hostname } from '../../discovery/model/names.ts';
import type { VirtualServicePolicy } from '../../discovery/model/policy.ts';
import { serverHosts } from '../view/server-hosts.ts';
import { hostMatches } from '../view/visibility.ts';

/** `targets`: hosts whose services or DestinationRules changed. */
export function affectedRoutes(
  before: MeshSnapshot,
  after: MeshSnapshot,
  targets: ReadonlySet<Hostname>,
): ReadonlySet<Hostname> {
  const routes = new Set<Hostname>(after.policies.virtualServices.changedSince(before.policies.virtualServices));
  const then = before.policies.wildcardVirtualServices;
  const now = after.policies.wildcardVirtualServices;
  const patterns = then === now ? new Set<Hostname>() : patternsOf(new Set(then).symmetricDifference(new Set(now)));
  if (targets.size > 0) {
    addRoutesTo(targets, after.policies, routes);
    for (const pattern of patternsOf(now.filter((policy) => sendsTo(policy, targets)))) patterns.add(pattern);
    for (const host of targets) for (const short of shortNames(host)) routes.add(short);
  }
  addCovered(patterns, [before, after], routes);
  return routes;
}

function addRoutesTo(targets: ReadonlySet<Hostname>, policies: PolicyIndex, into: Set<Hostname>): void {
  for (const [host, virtualServices] of policies.virtualServices) {
    if (virtualServices.some((policy) => sendsTo(policy, targets))) into.add(host);
  }
}

/** A route names the port and the subset of its destination. */
function sendsTo({ http, tcp, tls }: VirtualServicePolicy, targets: ReadonlySet<Hostname>): boolean {
  const isTarget = ({ destination }: { readonly destination: { readonly host: Hostname } }): boolean =>
    targets.has(destination.host);
  return (
    http.some(({ destinations, mirrors = [] }) => destinations.some(isTarget) || mirrors.some(isTarget)) ||
    [...tcp, ...tls].some(({ destinations }) => destinations.some(isTarget))
  );
}

function patternsOf(policies: Iterable<VirtualServicePolicy>): Set<Hostname> {
  return new Set([...policies].flatMap(({ hosts }) => hosts.filter((host) => host.startsWith('*'))));
}

/**
 * The patterns themselves, which gateways have virtual hosts for, and every host that one of them covers, those that servers of
 * Gateways declare among them.
 */
function addCovered(patterns: ReadonlySet<Hostname>, meshes: readonly MeshSnapshot[], into: Set<Hostname>): void {
  if (patterns.size === 0) return;
  for (const pattern of patterns) into.add(pattern);
  for (const { services, policies } of meshes) {
    for (const hosts of [services.keys(), policies.virtualServices.keys(), serverHosts(policies.gateways)]) {
      for (const host of hosts) if (isCovered(host, patterns)) into.add(host);
    }
  }
}

function isCovered(host: Hostname, patterns: ReadonlySet<Hostname>): boolean {
  for (const pattern of patterns) if (hostMatches(pattern, host)) return true;
  return false;
}

/** A VirtualService may declare a host that is the short name of a service, which then holds. */
function shortNames(host: Hostname): readonly Hostname[] {
  const [name, namespace, svc] = host.split('.');
  return svc === 'svc' ? [hostname(`${name}.${namespace}`), hostname(`${name}.${namespace}.svc`)] : [];
}
