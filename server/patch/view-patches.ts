// What EnvoyFilters change of the resources of one view, after they were generated. In: generated resources. Out: patched ones; a
// resource that no patch is for is the same object. What was left out, and which patches matched, is kept for those who ask.

import { Cluster } from '../../proto/generated/envoy.config.cluster.v3.ts';
import { TypedExtensionConfig } from '../../proto/generated/envoy.config.core.v3.ts';
import { Listener } from '../../proto/generated/envoy.config.listener.v3.ts';
import type { RouteConfiguration, VirtualHost } from '../../proto/generated/envoy.config.route.v3.ts';
import type { ObjectKey } from '../../discovery/model/names.ts';
import type { EnvoyPatch, PatchPlace } from '../../discovery/model/policy.ts';
import type { Problem } from '../../discovery/model/problem.ts';
import type { Resource } from '../generate/resource.ts';
import type { ScopedPatch } from '../view/envoy-patches.ts';
import { brokenCluster } from './cluster-structure.ts';
import { brokenListener } from './listener-structure.ts';
import type { GatewayPorts } from './match-listener.ts';
import type { RoutedServers } from './match-route.ts';
import { patchCluster } from './patch-cluster.ts';
import { patchListener } from './patch-listener.ts';
import { PatchLog, type PatchedName } from './patch-run.ts';
import { patchRoutes, patchWholeRoutes, type PatchedHost } from './patch-routes.ts';
import { valueOf } from './patch-value.ts';

/** What patches of a gateway's configuration may name; empty for sidecars. */
export interface PatchSurroundings {
  readonly gatewayPorts: GatewayPorts;
  readonly routedServers: RoutedServers;
}

const ofSidecar: PatchSurroundings = Object.freeze({ gatewayPorts: new Map(), routedServers: new Map() });

const routePlaces: readonly PatchPlace[] = ['route-configuration', 'virtual-host', 'http-route'];
const listenerPlaces: readonly PatchPlace[] = [
  'listener',
  'listener-filter',
  'filter-chain',
  'network-filter',
  'http-filter',
];

/** Names that clusters of this control plane have. */
const generatedCluster =
  /^(outbound\||inbound\||outbound_\.|BlackHoleCluster$|PassthroughCluster$|InboundPassthroughCluster$)/;

export interface PatchedRoute {
  /** With the virtual hosts that do not travel by themselves. */
  readonly frame: Resource<RouteConfiguration>;
  readonly hosts: readonly Resource<VirtualHost>[];
}

export class ViewPatches {
  readonly #patches: readonly ScopedPatch[];
  readonly #byPlace: ReadonlyMap<PatchPlace, readonly ScopedPatch[]>;
  readonly #log: PatchLog;
  readonly #knownHosts = new WeakMap<VirtualHost, PatchedHost>();
  readonly #hostResources = new WeakMap<PatchedHost, Resource<VirtualHost>>();

  /** `from`: another one with the same patches, what is known there is known here. */
  constructor(patches: readonly ScopedPatch[] = [], from?: ViewPatches) {
    this.#patches = patches;
    this.#byPlace = Map.groupBy(patches, ({ patch }) => patch.applyTo);
    this.#log = new PatchLog(from && from.#log);
  }

  /** All of them, in order. */
  get patches(): readonly ScopedPatch[] {
    return this.#patches;
  }

  /** Whether route configurations may be others than generated. */
  get changeRoutes(): boolean {
    return this.#has(routePlaces);
  }

  /** Whether it was for anything so far. */
  hasMatched(patch: EnvoyPatch): boolean {
    return this.#log.hasMatched(patch);
  }

  /** Patches that were left out of resources that are still there. */
  problems(isThere: (resource: PatchedName) => boolean): Iterable<Problem> {
    return this.#log.problems(isThere);
  }

  /** Undefined when it is removed. `hosts`: of a cluster whose name does not say. */
  cluster(resource: Resource<Cluster>, hosts: readonly string[] = []): Resource<Cluster> | undefined {
    const patches = this.#byPlace.get('cluster');
    if (patches === undefined) return resource;
    const run = this.#log.run(nameOf(resource));
    const message = patchCluster(resource.message, { patches, hosts }, run);
    return message === undefined ? undefined : patchedResource(resource, message, run.sources);
  }

  addedClusters(): readonly Resource<Cluster>[] {
    return this.#added('cluster', Cluster, (name, cluster) =>
      generatedCluster.test(name)
        ? `${name} is a name of clusters that are made from services`
        : brokenCluster(cluster),
    );
  }

  /** Extension configurations: a later one of a name replaces an earlier one only by the operation REPLACE. */
  extensionConfigs(): readonly Resource<TypedExtensionConfig>[] {
    return this.#added('extension-config', TypedExtensionConfig, () => undefined);
  }

  /** All listeners of the view. */
  listeners(
    resources: readonly Resource<Listener>[],
    { gatewayPorts, routedServers }: PatchSurroundings = ofSidecar,
  ): readonly Resource<Listener>[] {
    if (!this.#has(listenerPlaces) && !this.#has(routePlaces)) return resources;
    const patched = resources.flatMap((resource) => {
      const run = this.#log.run(nameOf(resource));
      const routes = (configuration: RouteConfiguration): RouteConfiguration =>
        this.#has(routePlaces)
          ? patchWholeRoutes(configuration, { byPlace: this.#byPlace, routedServers }, run)
          : configuration;
      const message = patchListener(resource.message, { byPlace: this.#byPlace, gatewayPorts, routes }, run);
      return message === undefined ? [] : [patchedResource(resource, message, run.sources)];
    });
    const sockets = new Set(patched.map(({ message }) => socketOf(message)));
    const names = new Set(resources.map(({ name }) => name));
    const added = this.#added('listener', Listener, (name, listener) => {
      if (names.has(name)) return `there is a listener ${name} already`;
      const socket = socketOf(listener);
      if (socket !== undefined && sockets.has(socket)) return `another listener has the address ${socket} already`;
      sockets.add(socket);
      return brokenListener(listener);
    });
    return [...patched, ...added];
  }

  /** A route configuration with all of its virtual hosts, and what it has besides them. */
  routes(
    frame: Resource<RouteConfiguration>,
    hosts: readonly Resource<VirtualHost>[],
    { routedServers }: PatchSurroundings = ofSidecar,
  ): PatchedRoute {
    // Copies: the same ones are in other configurations too, for which other patches may be.
    const rest = (frame.message.virtualHosts ?? []).map((host) => ({ ...host }));
    const run = this.#log.run(nameOf(frame));
    const frameSources = new Set<ObjectKey>();
    const whole = { ...frame.message, virtualHosts: [...hosts.map(({ message }) => message), ...rest] };
    const patched = patchRoutes(whole, { byPlace: this.#byPlace, routedServers, known: this.#knownHosts }, run);
    const hostOf = new Map(patched.hosts.map((host) => [host.before, host]));
    const stay = rest.flatMap((host) => hostOf.get(host)?.after ?? []);
    for (const host of rest) for (const source of hostOf.get(host)?.sources ?? []) frameSources.add(source);
    const isSame = stay.length === rest.length && stay.every((host, index) => host === rest[index]);
    const virtualHosts =
      isSame && patched.added.length === 0 ? frame.message.virtualHosts : [...stay, ...patched.added];
    return {
      frame: patchedResource(
        frame,
        { ...patched.frame, ...(virtualHosts === undefined ? {} : { virtualHosts }) },
        run.sources.union(frameSources),
      ),
      hosts: hosts.flatMap((resource) => {
        const host = hostOf.get(resource.message);
        return host === undefined ? [] : [this.#hostResource(frame.name, resource, host)];
      }),
    };
  }

  /** The same object for the same outcome. */
  #hostResource(routeName: string, resource: Resource<VirtualHost>, host: PatchedHost): Resource<VirtualHost> {
    const known = this.#hostResources.get(host) ?? patchedHost(routeName, resource, host);
    this.#hostResources.set(host, known);
    return known;
  }

  #has(places: readonly PatchPlace[]): boolean {
    return places.some((place) => this.#byPlace.has(place));
  }

  #added<T extends { readonly name?: string | undefined }>(
    place: PatchPlace,
    type: Resource<T>['type'],
    refuse: (name: string, value: T) => string | undefined,
  ): readonly Resource<T>[] {
    const made = new Map<string, Resource<T>>();
    for (const scoped of this.#byPlace.get(place) ?? []) {
      const { operation } = scoped.patch;
      if (operation !== 'add' && operation !== 'replace') continue;
      const name = `${scoped.policy.source} ${scoped.patch.index}`;
      const run = this.#log.run({ typeUrl: type.typeUrl, name, added: true });
      const value = run.apply<T | undefined>(scoped, undefined, {
        to: () => valueOf<T>(type, scoped.patch),
        broken: (after) => {
          if (after === undefined) return undefined;
          const added = after.name ?? '';
          const isTaken = made.has(added) && operation === 'add';
          return isTaken ? `an earlier patch adds ${added} already` : refuse(added, after);
        },
      });
      if (value === undefined) continue;
      const { name: own = '' } = value;
      made.set(own, { type, name: own, message: value, sources: [scoped.policy.source] });
    }
    return [...made.values()];
  }
}

/** The whole configuration, for a client that takes no virtual hosts by themselves. */
export function joinRoute({ frame, hosts }: PatchedRoute): Resource<RouteConfiguration> {
  const virtualHosts = [...hosts.map(({ message }) => message), ...(frame.message.virtualHosts ?? [])];
  return { ...frame, message: { ...frame.message, virtualHosts } };
}

function nameOf<T>({ type, name }: Resource<T>): PatchedName {
  return { typeUrl: type.typeUrl, name };
}

function patchedResource<T>(before: Resource<T>, message: T, sources: ReadonlySet<ObjectKey>): Resource<T> {
  if (message === before.message) return before;
  return { ...before, message, sources: [...new Set([...before.sources, ...sources])] };
}

/** Envoy applies the removal of a virtual host only when its own name is the resource's. */
function patchedHost(
  routeName: string,
  before: Resource<VirtualHost>,
  { after, sources }: PatchedHost,
): Resource<VirtualHost> {
  if (after === before.message) return before;
  const given = after.name ?? '';
  const name = given.startsWith(`${routeName}/`) ? given : `${routeName}/${given}`;
  return { ...patchedResource(before, { ...after, name }, sources), name };
}

/** Undefined for what is no socket of its own. */
function socketOf({ address, bindToPort }: Listener): string | undefined {
  const socket = address?.socketAddress;
  if (socket === undefined) return undefined;
  return `${bindToPort?.value === false ? 'unbound ' : ''}${socket.address ?? ''}:${socket.portValue ?? 0}`;
}
