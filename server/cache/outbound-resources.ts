// Everything that the proxies of one outbound view are sent about the services they call, kept current a host at a time.

import type { ChangeSet } from '../../discovery/model/change-set.ts';
import type { MeshSnapshot } from '../../discovery/model/mesh-snapshot.ts';
import type { Hostname } from '../../discovery/model/names.ts';
import type { Problem } from '../../discovery/model/problem.ts';
import { ClusterLoadAssignment } from '../../proto/generated/envoy.config.endpoint.v3.ts';
import { Listener } from '../../proto/generated/envoy.config.listener.v3.ts';
import { VirtualHost } from '../../proto/generated/envoy.config.route.v3.ts';
import { Cluster } from '../../proto/generated/envoy.config.cluster.v3.ts';
import { NameTable } from '../../proto/generated/istio.networking.nds.v1.ts';
import { generateAssignments, generateHost, generateRoutes, type HostResources } from '../generate/outbound-host.ts';
import { generateOutboundListeners, listenerKey } from '../generate/outbound-listeners.ts';
import { generateStaticOutbound } from '../generate/static-outbound.ts';
import type { Resource } from '../generate/resource.ts';
import { gatewayServers } from '../generate/gateway-servers.ts';
import type { HostRoutes } from '../generate/host-resources.ts';
import { patchSurroundings } from '../patch/patch-surroundings.ts';
import { ViewPatches } from '../patch/view-patches.ts';
import { buildOutboundView, type OutboundView } from '../view/outbound-view.ts';
import type { OutboundScope } from '../view/scope.ts';
import { SharedAffectedHosts } from './affected-hosts.ts';
import { resourceName, type ResourceName } from './encoded-resource.ts';
import { isEmptyRecord, noClusters, type ClusterRecord, type HostRecord, type RouteRecord } from './host-record.ts';
import { NameTableResource } from './name-table-resource.ts';
import { OutboundRoutes } from './outbound-routes.ts';
import { ResourceSets, type EncodingListener } from './resource-sets.ts';
import type { ResourceSet } from './type-snapshot.ts';

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
  readonly #affected: SharedAffectedHosts;
  /** Every host that is seen, those that nothing is made of among them. */
  readonly #hosts: Map<Hostname, HostRecord>;
  /** Of them, those with findings: nearly none, and they are asked for all the time. */
  readonly #flawed: Set<Hostname>;
  #mesh: MeshSnapshot;
  /** Of `#mesh`; made when it is wanted. */
  #view: OutboundView | undefined;
  #listenersDiffer = true;
  readonly #patches: ViewPatches;
  readonly #routes: OutboundRoutes;

  /** Nothing is made yet: `making` does. `affected` is that of all views which are updated together. */
  private constructor(
    { scope, mesh, onEncoded, affected = new SharedAffectedHosts() }: OutboundParts,
    from?: OutboundResources,
  ) {
    this.#affected = affected;
    this.#sets = new ResourceSets(onEncoded, from && from.#sets);
    this.#names = new NameTableResource(onEncoded, from && from.#names);
    this.#scope = scope;
    this.#mesh = mesh;
    this.#hosts = new Map(from && from.#hosts);
    this.#flawed = new Set(from && from.#flawed);
    this.#patches = new ViewPatches(scope.patches, from && from.#patches);
    this.#routes = new OutboundRoutes(
      { sets: this.#sets, patches: this.#patches, virtualHostDiscovery: scope.virtualHostDiscovery, onEncoded },
      from && from.#routes,
    );
    if (from !== undefined) this.#listenersDiffer = from.#listenersDiffer;
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
    for (const host of this.#flawed) yield* this.#hosts.get(host)?.problems ?? [];
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
    this.#routes.stand(this.view);
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
      this.#routes.touchAll();
      this.#routes.stand(this.view);
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
    this.#sets.removeMissing(Cluster.typeUrl, before?.clusters, record.clusters);
    this.#sets.removeMissing(ClusterLoadAssignment.typeUrl, before?.assignments, record.assignments);
    this.#replace(host, before, record);
  }

  #generateRoutes(host: Hostname): void {
    const before = this.#hosts.get(host);
    if (before === undefined && !this.view.contains(host)) return;
    const routes = this.#routeRecord(generateRoutes(this.view, host));
    this.#replace(host, before, { ...(before ?? noClusters), ...routes });
  }

  #replace(host: Hostname, before: HostRecord | undefined, record: HostRecord): void {
    this.#sets.removeMissing(VirtualHost.typeUrl, before?.virtualHosts, record.virtualHosts);
    this.#routes.file(host, before?.routes, record.routes);
    if ((before?.listenerKeys ?? '') !== record.listenerKeys) this.#listenersDiffer = true;
    if (isEmptyRecord(record) && this.view.service(host) === undefined) this.#hosts.delete(host);
    else this.#hosts.set(host, record);
    if (record.problems.length > 0) this.#flawed.add(host);
    else this.#flawed.delete(host);
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
    const { byVirtualHost } = this.#routes;
    for (const { routeName, resource } of generated.virtualHosts) {
      if (byVirtualHost) virtualHosts.add(this.#sets.put(resource));
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
    this.#sets.removeMissing(ClusterLoadAssignment.typeUrl, before.assignments, assignments);
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
    this.#routes.write(this.view, this.#hosts);
    return this.#sets.commit();
  }
}

function allOf<T>(steps: Generator<undefined, T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}
