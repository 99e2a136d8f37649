// Everything that the proxies of one outbound view are sent about the services they call, kept current a host at a time.

import type { ChangeSet } from '../../discovery/model/change-set.ts';
import type { MeshSnapshot } from '../../discovery/model/mesh-snapshot.ts';
import type { Hostname } from '../../discovery/model/names.ts';
import type { Problem } from '../../discovery/model/problem.ts';
import { ClusterLoadAssignment } from '../../proto/generated/envoy.config.endpoint.v3.ts';
import { Listener } from '../../proto/generated/envoy.config.listener.v3.ts';
import { RouteConfiguration, VirtualHost } from '../../proto/generated/envoy.config.route.v3.ts';
import { Cluster } from '../../proto/generated/envoy.config.cluster.v3.ts';
import { NameTable } from '../../proto/generated/istio.networking.nds.v1.ts';
import { generateAssignments, generateHost, generateRoutes, type HostResources } from '../generate/outbound-host.ts';
import { generateOutboundListeners, listenerKey, type ListenerContribution } from '../generate/outbound-listeners.ts';
import { generateRouteConfigurations, generateWholeRouteConfiguration } from '../generate/route-configurations.ts';
import { generateStaticOutbound } from '../generate/static-outbound.ts';
import type { Resource } from '../generate/resource.ts';
import { gatewayRouteNames, gatewayServers } from '../generate/gateway-servers.ts';
import type { HostRoutes } from '../generate/host-resources.ts';
import { patchSurroundings } from '../patch/patch-surroundings.ts';
import { joinRoute, ViewPatches } from '../patch/view-patches.ts';
import { buildOutboundView, type OutboundView } from '../view/outbound-view.ts';
import type { OutboundScope } from '../view/scope.ts';
import { compareText } from '../../discovery/model/network-gateway.ts';
import { SharedAffectedHosts } from './affected-hosts.ts';
import { resourceName, type ResourceName } from './encoded-resource.ts';
import { NameTableResource } from './name-table-resource.ts';
import { ResourceSets, type EncodingListener } from './resource-sets.ts';
import type { ResourceSet } from './type-snapshot.ts';
import { WholeRoutes } from './whole-routes.ts';

/** What one host contributed when it was generated last. */
type HostRecord = ClusterRecord & RouteRecord;

interface ClusterRecord {
  readonly clusters: ReadonlySet<ResourceName>;
  readonly assignments: ReadonlySet<ResourceName>;
}

interface RouteRecord {
  readonly virtualHosts: ReadonlySet<ResourceName>;
  /** By route configuration. */
  readonly routes: ReadonlyMap<string, readonly Resource<VirtualHost>[]>;
  readonly listeners: readonly ListenerContribution[];
  readonly listenerKeys: string;
  readonly problems: readonly Problem[];
}

const noClusters: ClusterRecord = Object.freeze({
  clusters: new Set<ResourceName>(),
  assignments: new Set<ResourceName>(),
});

const noHosts: ReadonlySet<Hostname> = new Set();
const noTypes: ReadonlySet<string> = new Set();

export interface OutboundParts {
  readonly scope: OutboundScope;
  readonly mesh: MeshSnapshot;
  readonly onEncoded?: EncodingListener | undefined;
  readonly affected?: SharedAffectedHosts | undefined;
}

export class OutboundResources {
  readonly #scope: OutboundScope;
  readonly #sets: ResourceSets;
  readonly #names: NameTableResource;
  readonly #wholeRoutes: WholeRoutes;
  readonly #affected: SharedAffectedHosts;
  /** Every host that is seen, those that nothing is made of among them. */
  readonly #hosts: Map<Hostname, HostRecord>;
  #mesh: MeshSnapshot;
  /** Of `#mesh`; made when it is wanted. */
  #view: OutboundView | undefined;
  readonly #hostsByRoute: Map<string, Set<Hostname>>;
  readonly #routesToWrite = new Set<string>();
  /** Route configurations that are there without any host, because listeners of a gateway refer to them. */
  #standingRoutes: ReadonlySet<string> = new Set();
  #listenersDiffer = true;
  readonly #patches: ViewPatches;
  /** Virtual hosts by route configuration, where patches may change them. */
  readonly #patchedHosts: Map<string, ReadonlySet<ResourceName>>;
  /** What of them was encoded last. */
  readonly #putHosts: Map<ResourceName, Resource<VirtualHost>>;

  /** Nothing is made yet: `making` does. `affected` is that of all views which are updated together. */
  private constructor(
    { scope, mesh, onEncoded, affected = new SharedAffectedHosts() }: OutboundParts,
    from?: OutboundResources,
  ) {
    this.#affected = affected;
    this.#sets = new ResourceSets(onEncoded, from && from.#sets);
    this.#names = new NameTableResource(onEncoded, from && from.#names);
    this.#wholeRoutes = new WholeRoutes(onEncoded, from && from.#wholeRoutes);
    this.#scope = scope;
    this.#mesh = mesh;
    this.#hosts = new Map(from && from.#hosts);
    this.#patches = new ViewPatches(scope.patches, from && from.#patches);
    this.#patchedHosts = new Map(from && from.#patchedHosts);
    this.#putHosts = new Map(from && from.#putHosts);
    this.#hostsByRoute = new Map(
      [...(from === undefined ? [] : from.#hostsByRoute)].map(([route, hosts]) => [route, new Set(hosts)]),
    );
    if (from === undefined) return;
    this.#standingRoutes = from.#standingRoutes;
    this.#listenersDiffer = from.#listenersDiffer;
  }

  static make(parts: OutboundParts): OutboundResources {
    return allOf(OutboundResources.making(parts));
  }

  /** As `make`, with a pause after each host. */
  static *making(parts: OutboundParts): Generator<undefined, OutboundResources> {
    const made = new OutboundResources(parts);
    yield* made.#makeAll();
    return made;
  }

  /** Others with the same content: what becomes of them does not concern these. */
  copy(affected: SharedAffectedHosts): OutboundResources {
    return new OutboundResources({ scope: this.#scope, mesh: this.#mesh, affected }, this);
  }

  get patches(): ViewPatches {
    return this.#patches;
  }

  get view(): OutboundView {
    this.#view ??= buildOutboundView(this.#scope, this.#mesh);
    return this.#view;
  }

  /** The resources of a type. */
  set(typeUrl: string): ResourceSet {
    return typeUrl === NameTable.typeUrl ? this.#names.set(this.view) : this.#sets.get(typeUrl);
  }

  /** What is wrong with the policies behind these resources, such as a route to a host that is not there. */
  *problems(): Generator<Problem> {
    yield* gatewayServers(this.view).problems;
    for (const record of this.#hosts.values()) yield* record.problems;
    yield* this.#patches.problems(({ typeUrl, name }) => this.#sets.get(typeUrl).get(resourceName(name)) !== undefined);
  }

  *#makeAll(): Generator<undefined> {
    for (const cluster of generateStaticOutbound(this.view)) this.#putCluster(cluster);
    for (const cluster of this.#patches.addedClusters()) this.#sets.put(cluster);
    for (const extension of this.#patches.extensionConfigs()) this.#sets.put(extension);
    for (const host of this.view.hosts()) {
      this.#generate(host);
      yield;
    }
    this.#standRoutes();
    this.#finish();
  }

  /** Brings everything up to `mesh`, of which `change` is the difference. Returns the types that differ. */
  update(mesh: MeshSnapshot, change: ChangeSet): ReadonlySet<string> {
    if (!this.#isConcerned(mesh, change)) {
      this.#mesh = mesh;
      this.#view = undefined;
      return noTypes;
    }
    return allOf(this.updating(mesh, change));
  }

  /** Endpoints of hosts that are not seen make no difference: of many views, nearly none has more to do. */
  #isConcerned(mesh: MeshSnapshot, change: ChangeSet): boolean {
    if (change.everything || change.gateways || change.services.size > 0 || change.policies.size > 0) return true;
    if (mesh.config !== this.#mesh.config || mesh.policies !== this.#mesh.policies) return true;
    for (const host of change.endpoints) if (this.#hosts.has(host)) return true;
    return false;
  }

  /** As `update`, with a pause after each host; nothing else may be done with this until it has ended. */
  *updating(mesh: MeshSnapshot, change: ChangeSet): Generator<undefined, ReadonlySet<string>> {
    const affected = this.#affected.of(this.#mesh, mesh, change);
    const routedBefore = this.view.routedHosts();
    this.#mesh = mesh;
    this.#view = undefined;
    const routed = this.view.routedHosts();
    const newlyRouted = routed === routedBefore ? noHosts : routed.symmetricDifference(routedBefore);
    if (affected.everything) {
      const hosts = new Set(this.view.hosts());
      for (const cluster of generateStaticOutbound(this.view)) this.#putCluster(cluster);
      for (const host of this.#hosts.keys()) {
        if (hosts.has(host)) continue;
        this.#generate(host);
        yield;
      }
      for (const host of hosts) {
        this.#generate(host);
        yield;
      }
      for (const route of this.#hostsByRoute.keys()) this.#routesToWrite.add(route);
      this.#standRoutes();
      this.#listenersDiffer = true;
    } else {
      for (const host of affected.shapes.union(newlyRouted)) {
        this.#generate(host);
        yield;
      }
      for (const host of affected.routes) {
        this.#generateRoutes(host);
        yield;
      }
      const assignments = affected.allAssignments ? [...this.#hosts.keys()] : affected.assignments;
      for (const host of assignments) {
        if (affected.shapes.has(host) || newlyRouted.has(host)) continue;
        // An east-west gateway has clusters and server names only for what has endpoints on its own network.
        if (this.#scope.type === 'router') this.#generate(host);
        else this.#generateAssignments(host);
        yield;
      }
    }
    const names = affected.everything
      ? this.#names.renew(this.view)
      : this.#names.update(this.view, affected.shapes.union(newlyRouted));
    const types = this.#finish();
    return names ? new Set([...types, NameTable.typeUrl]) : types;
  }

  #generate(host: Hostname): void {
    const before = this.#hosts.get(host);
    if (before === undefined && !this.view.contains(host)) return;
    const generated = generateHost(this.view, host);
    const record = { ...this.#routeRecord(generated), ...this.#clusterRecord(generated) };
    dropMissing(this.#sets, Cluster.typeUrl, before?.clusters, record.clusters);
    dropMissing(this.#sets, ClusterLoadAssignment.typeUrl, before?.assignments, record.assignments);
    this.#replace(host, before, record);
  }

  #generateRoutes(host: Hostname): void {
    const before = this.#hosts.get(host);
    if (before === undefined && !this.view.contains(host)) return;
    const routes = this.#routeRecord(generateRoutes(this.view, host));
    this.#replace(host, before, { ...(before ?? noClusters), ...routes });
  }

  #replace(host: Hostname, before: HostRecord | undefined, record: HostRecord): void {
    dropMissing(this.#sets, VirtualHost.typeUrl, before?.virtualHosts, record.virtualHosts);
    this.#indexRoutes(host, before, record);
    if ((before?.listenerKeys ?? '') !== record.listenerKeys) this.#listenersDiffer = true;
    if (isEmpty(record) && this.view.service(host) === undefined) this.#hosts.delete(host);
    else this.#hosts.set(host, record);
  }

  #clusterRecord(generated: HostResources): ClusterRecord {
    return {
      clusters: new Set(generated.clusters.flatMap((cluster) => this.#putCluster(cluster) ?? [])),
      assignments: new Set(generated.assignments.map((assignment) => this.#sets.put(assignment))),
    };
  }

  /** Undefined when a patch removes it. */
  #putCluster(cluster: Resource<Cluster>): ResourceName | undefined {
    const patched = this.#patches.cluster(cluster);
    return patched && this.#sets.put(patched);
  }

  #routeRecord(generated: HostRoutes): RouteRecord {
    const virtualHosts = new Set<ResourceName>();
    const routes = new Map<string, Resource<VirtualHost>[]>();
    const isByItself = this.#scope.virtualHostDiscovery && !this.#patches.changeRoutes;
    for (const { routeName, resource } of generated.virtualHosts) {
      if (isByItself) virtualHosts.add(this.#sets.put(resource));
      const sameRoute = routes.get(routeName) ?? [];
      sameRoute.push(resource);
      routes.set(routeName, sameRoute);
    }
    return {
      virtualHosts,
      routes,
      listeners: generated.listeners,
      listenerKeys: generated.listeners.map(listenerKey).join('\n'),
      problems: generated.problems,
    };
  }

  #generateAssignments(host: Hostname): void {
    const before = this.#hosts.get(host);
    if (before === undefined) return;
    const assignments = new Set(generateAssignments(this.view, host).map((assignment) => this.#sets.put(assignment)));
    dropMissing(this.#sets, ClusterLoadAssignment.typeUrl, before.assignments, assignments);
    this.#hosts.set(host, { ...before, assignments });
  }

  /** What is made from the contributions of all hosts. */
  #finish(): ReadonlySet<string> {
    if (this.#listenersDiffer) {
      const contributions = [...this.#hosts.values()].flatMap((record) => record.listeners);
      const listeners = generateOutboundListeners(this.view, contributions);
      this.#sets.replaceAll(Listener.typeUrl, this.#patches.listeners(listeners, patchSurroundings(this.view)));
      this.#listenersDiffer = false;
    }
    if (this.#routesToWrite.size > 0) this.#writeRoutes();
    return this.#sets.commit();
  }

  /** Gateways change nothing less than everything. */
  #standRoutes(): void {
    const standing = gatewayRouteNames(this.view);
    for (const route of this.#standingRoutes.union(standing)) this.#routesToWrite.add(route);
    this.#standingRoutes = standing;
  }

  #writeRoutes(): void {
    for (const route of this.#routesToWrite) {
      const hosts = this.#hostsByRoute.get(route) ?? (this.#standingRoutes.has(route) ? noHosts : undefined);
      if (this.#patches.changeRoutes) this.#writePatchedRoute(route, hosts);
      else if (hosts === undefined) this.#sets.remove(RouteConfiguration.typeUrl, resourceName(route));
      else if (this.#scope.virtualHostDiscovery) {
        for (const configuration of generateRouteConfigurations(this.view, [route])) this.#sets.put(configuration);
      } else {
        const virtualHosts = [...hosts].flatMap((host) => this.#hosts.get(host)?.routes.get(route) ?? []);
        this.#putWholeRoute(generateWholeRouteConfiguration(this.view, route, virtualHosts));
      }
    }
    this.#routesToWrite.clear();
  }

  #putWholeRoute(configuration: Resource<RouteConfiguration>): void {
    this.#sets.putBytes(this.#wholeRoutes.splice(configuration));
  }

  /** Patches see a configuration with all of its virtual hosts; undefined: there is none any more. */
  #writePatchedRoute(route: string, hosts: ReadonlySet<Hostname> | undefined): void {
    const virtualHosts = new Set<ResourceName>();
    if (hosts === undefined) this.#sets.remove(RouteConfiguration.typeUrl, resourceName(route));
    else {
      const own = [...hosts].flatMap((host) => this.#hosts.get(host)?.routes.get(route) ?? []);
      const sorted = own.toSorted((a, b) => compareText(a.name, b.name));
      const surroundings = patchSurroundings(this.view);
      if (this.#scope.virtualHostDiscovery) {
        for (const frame of generateRouteConfigurations(this.view, [route])) {
          const patched = this.#patches.routes(frame, sorted, surroundings);
          this.#sets.put(patched.frame);
          for (const virtualHost of patched.hosts) virtualHosts.add(this.#putPatchedHost(virtualHost));
        }
      } else {
        const rest = generateWholeRouteConfiguration(this.view, route, []);
        this.#putWholeRoute(joinRoute(this.#patches.routes(rest, sorted, surroundings)));
      }
    }
    const before = this.#patchedHosts.get(route);
    dropMissing(this.#sets, VirtualHost.typeUrl, before, virtualHosts);
    for (const name of before ?? []) if (!virtualHosts.has(name)) this.#putHosts.delete(name);
    if (hosts === undefined) this.#patchedHosts.delete(route);
    else this.#patchedHosts.set(route, virtualHosts);
  }

  /** The same object is the same resource, which is there already. */
  #putPatchedHost(virtualHost: Resource<VirtualHost>): ResourceName {
    const name = resourceName(virtualHost.name);
    if (this.#putHosts.get(name) === virtualHost) return name;
    this.#putHosts.set(name, virtualHost);
    return this.#sets.put(virtualHost);
  }

  #indexRoutes(host: Hostname, before: HostRecord | undefined, after: HostRecord): void {
    // A configuration that virtual hosts are discovered into is the same whichever they are.
    const isWhole = !this.#scope.virtualHostDiscovery || this.#patches.changeRoutes;
    for (const route of before?.routes.keys() ?? []) {
      if (isWhole || !after.routes.has(route)) this.#routesToWrite.add(route);
      const hosts = this.#hostsByRoute.get(route);
      hosts?.delete(host);
      if (hosts?.size === 0 && !after.routes.has(route)) this.#hostsByRoute.delete(route);
    }
    for (const route of after.routes.keys()) {
      if (isWhole || !this.#hostsByRoute.has(route)) this.#routesToWrite.add(route);
      const hosts = this.#hostsByRoute.get(route) ?? new Set<Hostname>();
      hosts.add(host);
      this.#hostsByRoute.set(route, hosts);
    }
  }
}

function dropMissing(
  sets: ResourceSets,
  typeUrl: string,
  before: ReadonlySet<ResourceName> | undefined,
  after: ReadonlySet<ResourceName>,
): void {
  for (const name of before ?? []) if (!after.has(name)) sets.remove(typeUrl, name);
}

function isEmpty(record: HostRecord): boolean {
  return (
    record.clusters.size === 0 &&
    record.assignments.size === 0 &&
    record.routes.size === 0 &&
    record.listeners.length === 0 &&
    record.problems.length === 0
  );
}

function allOf<T>(steps: Generator<undefined, T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}
