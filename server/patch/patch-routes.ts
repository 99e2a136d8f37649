// Route configurations with their virtual hosts and routes. In: a whole configuration as generated. Out: as patched, with each virtual
// host that is left beside the one that it was, and those that were added.

import { Route, RouteConfiguration, VirtualHost } from '../../proto/generated/envoy.config.route.v3.ts';
import type { ObjectKey } from '../../discovery/model/names.ts';
import type { PatchPlace } from '../../discovery/model/policy.ts';
import type { ScopedPatch } from '../view/envoy-patches.ts';
import { namesRoute, routeMatches, routesMatch, virtualHostMatches, type RoutedServers } from './match-route.ts';
import { editList } from './patch-list.ts';
import type { PatchRun } from './patch-run.ts';
import { brokenValue, isMerge, merged, valueOf } from './patch-value.ts';
import { brokenRoutes } from './route-structure.ts';

export interface RoutePatches {
  readonly byPlace: ReadonlyMap<PatchPlace, readonly ScopedPatch[]>;
  readonly routedServers: RoutedServers;
  /** What became of virtual hosts before, as long as it depends on nothing else. */
  readonly known?: WeakMap<VirtualHost, PatchedHost> | undefined;
}

export interface PatchedHost {
  readonly before: VirtualHost;
  readonly after: VirtualHost;
  /** Objects whose patches changed it. */
  readonly sources: ReadonlySet<ObjectKey>;
}

const noSources: ReadonlySet<ObjectKey> = new Set();

export interface PatchedRoutes {
  /** Without its virtual hosts. */
  readonly frame: RouteConfiguration;
  /** In the order before, without those that were removed. */
  readonly hosts: readonly PatchedHost[];
  readonly added: readonly VirtualHost[];
}

export function patchRoutes(before: RouteConfiguration, patches: RoutePatches, run: PatchRun): PatchedRoutes {
  const of = (place: PatchPlace): readonly ScopedPatch[] =>
    (patches.byPlace.get(place) ?? []).filter(({ patch }) => routesMatch(before, patch, patches.routedServers));
  const { virtualHosts = [], ...rest } = before;
  let frame: RouteConfiguration = rest;
  const added: VirtualHost[] = [];
  for (const scoped of of('route-configuration')) {
    frame = run.apply(scoped, frame, {
      to: () => merged<RouteConfiguration>(RouteConfiguration, frame, scoped.patch),
      broken: (after) =>
        brokenValue<RouteConfiguration>(RouteConfiguration, after) ??
        (after.name === before.name ? undefined : 'it would have another name than its listeners know') ??
        brokenRoutes({ virtualHosts: [...virtualHosts, ...(after.virtualHosts ?? [])] }),
    });
  }
  added.push(...(frame.virtualHosts ?? []));
  const { virtualHosts: _merged, ...withoutHosts } = frame;
  const name = before.name ?? '';
  const own = of('virtual-host');
  const routes = of('http-route');
  const hosts = new Map<VirtualHost, PatchedHost>(
    virtualHosts.map((host) => [host, patches.known?.get(host) ?? { before: host, after: host, sources: noSources }]),
  );
  for (const host of virtualHosts) {
    if (patches.known?.has(host) === true) continue;
    const others = (): readonly VirtualHost[] => [
      ...[...hosts.values()].filter((one) => one.before !== host).map(({ after }) => after),
      ...added,
    ];
    const part = run.part();
    const leftOut = run.leftOut;
    const after = patchVirtualHost(name, host, { own, routes, others }, part);
    if (after === undefined) hosts.delete(host);
    else {
      const patched = { before: host, after, sources: part.sources };
      hosts.set(host, patched);
      if (run.leftOut === leftOut && isSamePlace(host, after)) patches.known?.set(host, patched);
    }
  }
  for (const scoped of own) {
    if (scoped.patch.operation !== 'add') continue;
    const value = run.apply<VirtualHost | undefined>(scoped, undefined, {
      to: () => valueOf<VirtualHost>(VirtualHost, scoped.patch),
      broken: (after) =>
        after === undefined
          ? undefined
          : brokenRoutes({ virtualHosts: [...[...hosts.values()].map((one) => one.after), ...added, after] }),
    });
    if (value !== undefined) added.push(value);
  }
  return { frame: withoutHosts, hosts: [...hosts.values()], added };
}

/** The same, in one piece. */
export function patchWholeRoutes(before: RouteConfiguration, patches: RoutePatches, run: PatchRun): RouteConfiguration {
  const { frame, hosts, added } = patchRoutes(before, patches, run);
  const virtualHosts = [...hosts.map(({ after }) => after), ...added];
  const { virtualHosts: beforeHosts = [], ...rest } = before;
  const sameHosts =
    virtualHosts.length === beforeHosts.length && virtualHosts.every((host, index) => host === beforeHosts[index]);
  const sameFrame = Object.keys(rest).length === Object.keys(frame).length && isShallowEqual(rest, frame);
  return sameHosts && sameFrame ? before : { ...frame, virtualHosts };
}

function isShallowEqual(a: RouteConfiguration, b: RouteConfiguration): boolean {
  const other = new Map<string, unknown>(Object.entries(b));
  return Object.entries(a).every(([key, value]) => other.get(key) === value);
}

interface HostPatches {
  readonly own: readonly ScopedPatch[];
  readonly routes: readonly ScopedPatch[];
  /** The other virtual hosts of the configuration. */
  readonly others: () => readonly VirtualHost[];
}

/** Undefined when it is removed. */
function patchVirtualHost(
  routeName: string,
  before: VirtualHost,
  { own, routes, others }: HostPatches,
  run: PatchRun,
): VirtualHost | undefined {
  let host = before;
  for (const scoped of own) {
    const { patch } = scoped;
    if (patch.operation === 'add' || !virtualHostMatches(routeName, host, patch)) continue;
    if (patch.operation === 'remove') {
      run.matched(scoped);
      return undefined;
    }
    host = run.apply(scoped, host, {
      to: () =>
        isMerge(patch)
          ? merged<VirtualHost>(VirtualHost, host, patch)
          : (valueOf<VirtualHost>(VirtualHost, patch) ?? host),
      broken: (after) =>
        brokenValue<VirtualHost>(VirtualHost, after) ??
        (isSamePlace(host, after) ? undefined : brokenRoutes({ virtualHosts: [...others(), after] })),
    });
  }
  const matching = routes.filter(({ patch }) => virtualHostMatches(routeName, host, patch));
  // What is inserted is not merged into: that is how Istio's control plane does it.
  const changes = matching.filter(({ patch }) => isMerge(patch) || patch.operation === 'remove');
  const insertions = matching.filter((scoped) => !changes.includes(scoped));
  for (const scoped of [...changes, ...insertions]) host = patchHttpRoutes(host, scoped, run);
  return host;
}

function isSamePlace(a: VirtualHost, b: VirtualHost): boolean {
  return a.name === b.name && a.domains?.join('\n') === b.domains?.join('\n');
}

function patchHttpRoutes(host: VirtualHost, scoped: ScopedPatch, run: PatchRun): VirtualHost {
  const { patch } = scoped;
  const before = host.routes ?? [];
  if (isMerge(patch)) {
    const routes = before.map((route) => {
      if (!routeMatches(route, patch)) return route;
      return run.apply(scoped, route, {
        to: () => merged<Route>(Route, route, patch),
        broken: (after) => brokenValue<Route>(Route, after),
      });
    });
    return routes.every((route, index) => route === before[index]) ? host : { ...host, routes };
  }
  return run.apply(scoped, host, {
    to: () => {
      const value = valueOf<Route>(Route, patch);
      const isNamed = namesRoute(patch) || patch.operation === 'remove';
      const matches = isNamed ? (route: Route): boolean => routeMatches(route, patch) : undefined;
      const routes = editList(before, { operation: patch.operation, value, matches });
      return routes === before ? host : { ...host, routes };
    },
  });
}
