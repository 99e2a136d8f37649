// The route configurations of one outbound view: which hosts have virtual hosts in which, and which are to be written again. In: the
// virtual hosts of one host after another. Out: resources, in the sets that it is given.

import type { Hostname } from '../../discovery/model/names.ts';
import { compareText } from '../../discovery/model/network-gateway.ts';
import { RouteConfiguration, VirtualHost } from '../../proto/generated/envoy.config.route.v3.ts';
import { gatewayRouteNames } from '../generate/gateway-servers.ts';
import type { Resource } from '../generate/resource.ts';
import { generateRouteConfigurations, generateWholeRouteConfiguration } from '../generate/route-configurations.ts';
import { patchSurroundings } from '../patch/patch-surroundings.ts';
import { joinRoute, type ViewPatches } from '../patch/view-patches.ts';
import type { OutboundView } from '../view/outbound-view.ts';
import { resourceName, type ResourceName } from './encoded-resource.ts';
import type { RouteRecord } from './host-record.ts';
import type { EncodingListener, ResourceSets } from './resource-sets.ts';
import { WholeRoutes } from './whole-routes.ts';

const noHosts: ReadonlySet<Hostname> = new Set();

type HostRoutes = RouteRecord['routes'];

export interface OutboundRoutesOptions {
  /** What is written is staged here. */
  readonly sets: ResourceSets;
  readonly patches: ViewPatches;
  /** Whether clients discover virtual hosts by themselves. */
  readonly virtualHostDiscovery: boolean;
  readonly onEncoded: EncodingListener | undefined;
}

export class OutboundRoutes {
  readonly #sets: ResourceSets;
  readonly #patches: ViewPatches;
  readonly #virtualHostDiscovery: boolean;
  readonly #wholeRoutes: WholeRoutes;
  readonly #hostsByRoute: Map<string, Set<Hostname>>;
  readonly #toWrite = new Set<string>();
  /** Route configurations that are there without any host, because listeners of a gateway refer to them. */
  #standing: ReadonlySet<string>;
  /** Virtual hosts by route configuration, where patches may change them. */
  readonly #patchedHosts: Map<string, ReadonlySet<ResourceName>>;
  /** What of them was encoded last. */
  readonly #putHosts: Map<ResourceName, Resource<VirtualHost>>;

  /** `from`: those to begin with, of which nothing waits to be written. */
  constructor({ sets, patches, virtualHostDiscovery, onEncoded }: OutboundRoutesOptions, from?: OutboundRoutes) {
    this.#sets = sets;
    this.#patches = patches;
    this.#virtualHostDiscovery = virtualHostDiscovery;
    this.#wholeRoutes = new WholeRoutes(onEncoded, from && from.#wholeRoutes);
    this.#hostsByRoute = new Map(
      [...(from === undefined ? [] : from.#hostsByRoute)].map(([route, hosts]) => [route, new Set(hosts)]),
    );
    this.#standing = from === undefined ? new Set() : from.#standing;
    this.#patchedHosts = new Map(from && from.#patchedHosts);
    this.#putHosts = new Map(from && from.#putHosts);
  }

  /** Virtual hosts are resources as they are generated: a configuration that they are discovered into is the same whichever they are. */
  get byVirtualHost(): boolean {
    return this.#virtualHostDiscovery && !this.#patches.changeRoutes;
  }

  /** A host has other virtual hosts than before. */
  file(host: Hostname, before: HostRoutes | undefined, after: HostRoutes): void {
    const isWhole = !this.byVirtualHost;
    for (const route of before?.keys() ?? []) {
      if (isWhole || !after.has(route)) this.#toWrite.add(route);
      const hosts = this.#hostsByRoute.get(route);
      hosts?.delete(host);
      if (hosts?.size === 0 && !after.has(route)) this.#hostsByRoute.delete(route);
    }
    for (const route of after.keys()) {
      if (isWhole || !this.#hostsByRoute.has(route)) this.#toWrite.add(route);
      const hosts = this.#hostsByRoute.get(route) ?? new Set<Hostname>();
      hosts.add(host);
      this.#hostsByRoute.set(route, hosts);
    }
  }

  /** All that have hosts are to be written again. */
  touchAll(): void {
    for (const route of this.#hostsByRoute.keys()) this.#toWrite.add(route);
  }

  /** Those that listeners of gateways refer to may be others. Gateways change nothing less than everything. */
  stand(view: OutboundView): void {
    const standing = gatewayRouteNames(view);
    for (const route of this.#standing.union(standing)) this.#toWrite.add(route);
    this.#standing = standing;
  }

  /** Writes what waits for it. `hosts`: all that were filed, with what they were filed with. */
  write(view: OutboundView, hosts: ReadonlyMap<Hostname, RouteRecord>): void {
    for (const route of this.#toWrite) {
      const names = this.#hostsByRoute.get(route) ?? (this.#standing.has(route) ? noHosts : undefined);
      const virtualHosts = (): Resource<VirtualHost>[] =>
        [...(names ?? [])].flatMap((host) => hosts.get(host)?.routes.get(route) ?? []);
      if (names === undefined) this.#remove(route);
      else if (this.#patches.changeRoutes) this.#putPatched(view, route, virtualHosts());
      else if (this.#virtualHostDiscovery) {
        for (const configuration of generateRouteConfigurations(view, [route])) this.#sets.put(configuration);
      } else this.#putWhole(generateWholeRouteConfiguration(view, route, virtualHosts()));
    }
    this.#toWrite.clear();
  }

  #remove(route: string): void {
    this.#sets.remove(RouteConfiguration.typeUrl, resourceName(route));
    this.#replacePatchedHosts(route, new Set());
    this.#patchedHosts.delete(route);
  }

  #putWhole(configuration: Resource<RouteConfiguration>): void {
    this.#sets.putBytes(this.#wholeRoutes.splice(configuration));
  }

  /** Patches see a configuration with all of its virtual hosts. */
  #putPatched(view: OutboundView, route: string, hosts: readonly Resource<VirtualHost>[]): void {
    const virtualHosts = new Set<ResourceName>();
    const sorted = hosts.toSorted((a, b) => compareText(a.name, b.name));
    const surroundings = patchSurroundings(view);
    if (this.#virtualHostDiscovery) {
      for (const frame of generateRouteConfigurations(view, [route])) {
        const patched = this.#patches.routes(frame, sorted, surroundings);
        this.#sets.put(patched.frame);
        for (const virtualHost of patched.hosts) virtualHosts.add(this.#putPatchedHost(virtualHost));
      }
    } else {
      const rest = generateWholeRouteConfiguration(view, route, []);
      this.#putWhole(joinRoute(this.#patches.routes(rest, sorted, surroundings)));
    }
    this.#replacePatchedHosts(route, virtualHosts);
  }

  #replacePatchedHosts(route: string, virtualHosts: ReadonlySet<ResourceName>): void {
    const before = this.#patchedHosts.get(route);
    this.#sets.removeMissing(VirtualHost.typeUrl, before, virtualHosts);
    for (const name of before ?? []) if (!virtualHosts.has(name)) this.#putHosts.delete(name);
    this.#patchedHosts.set(route, virtualHosts);
  }

  /** The same object is the same resource, which is there already. */
  #putPatchedHost(virtualHost: Resource<VirtualHost>): ResourceName {
    const name = resourceName(virtualHost.name);
    if (this.#putHosts.get(name) === virtualHost) return name;
    this.#putHosts.set(name, virtualHost);
    return this.#sets.put(virtualHost);
  }
}
