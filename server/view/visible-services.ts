// The services that one class of proxies knows, as it knows them: what is exported to its namespace, what a Sidecar leaves of that, and of
// a host that several namespaces declare the one that is meant. In: a scope and a mesh. Out: services and their endpoints, by host.

import type { Endpoint } from '../../discovery/model/endpoint.ts';
import type { MeshSnapshot } from '../../discovery/model/mesh-snapshot.ts';
import type { Hostname } from '../../discovery/model/names.ts';
import type { MeshService } from '../../discovery/model/service.ts';
import { clientSight } from './client-sight.ts';
import { seesVirtualService } from './policy-lookup.ts';
import { routedHosts } from './routed-hosts.ts';
import type { OutboundScope } from './scope.ts';
import { servicePlaces } from './service-places.ts';
import { imports, listenerFor, namespacesOf } from './sidecar-scope.ts';
import { isVisible } from './visibility.ts';

const noHosts: ReadonlySet<Hostname> = new Set();

/** Immutable; what is costly is looked up when it is first asked for. */
export class VisibleServices {
  readonly #scope: OutboundScope;
  readonly #mesh: MeshSnapshot;
  readonly #asAddressed = new Map<Hostname, MeshService>();
  readonly #limitedServices = new Map<MeshService, MeshService>();
  #routed: ReadonlySet<Hostname> | undefined;

  constructor(scope: OutboundScope, mesh: MeshSnapshot) {
    this.#scope = scope;
    this.#mesh = mesh;
  }

  /**
   * Undefined when there is no such host or this namespace may not see it. A headless service that is in other clusters only, with no
   * pod on this network, is like one with a virtual IP: nothing here could be sent to its pods themselves.
   */
  get(host: Hostname): MeshService | undefined {
    const declared = this.#mesh.services.get(host);
    if (declared === undefined) return undefined;
    const service = declared.others === undefined ? declared : this.#meant(declared, declared.others);
    if (!this.#sees(service)) return undefined;
    // A cluster-local service is another one in every cluster: that of a cluster which has none is not there.
    if (service.clusterLocal && !service.clusters.includes(this.#scope.clusterId)) return undefined;
    return this.#limited(service.kind === 'headless' ? this.#headless(service) : service);
  }

  /** All that can be got, unsorted. */
  hosts(): Hostname[] {
    return [...this.#candidates()].filter((host) => this.get(host) !== undefined);
  }

  /** Of a host that several namespaces declare, those of the one that is meant. */
  endpointsOf(host: Hostname): readonly Endpoint[] {
    const endpoints = this.#mesh.endpoints.get(host) ?? [];
    const declared = this.#mesh.services.get(host);
    if (declared?.others === undefined) return endpoints;
    const meant = this.#meant(declared, declared.others).namespace;
    return endpoints.filter(({ workload }) => workload.namespace === meant);
  }

  /** Hosts that routes lead to which a Sidecar lets the proxy follow; empty where no Sidecar limits it. */
  routedHosts(): ReadonlySet<Hostname> {
    if (this.#scope.sidecar?.listeners === undefined) return noHosts;
    this.#routed ??= this.#findRoutedHosts();
    return this.#routed;
  }

  #findRoutedHosts(): ReadonlySet<Hostname> {
    const sight = clientSight(this.#scope, this.#mesh.config.defaultExportTo, 'mesh');
    return routedHosts(
      this.#scope,
      this.#mesh,
      (policy) => policy.gateways.includes('mesh') && seesVirtualService(policy, sight),
    );
  }

  /** That of its own namespace before others that it sees. */
  #meant(oldest: MeshService, others: readonly MeshService[]): MeshService {
    const seen = [oldest, ...others].filter((service) => this.#sees(service));
    return seen.find(({ namespace }) => namespace === this.#scope.namespace) ?? seen[0] ?? oldest;
  }

  #sees({ host, namespace, exportTo }: MeshService): boolean {
    const exported = exportTo.length === 0 ? this.#mesh.config.defaultExportTo.services : exportTo;
    if (!isVisible(exported, namespace, this.#scope.namespace)) return false;
    const listeners = this.#scope.sidecar?.listeners;
    if (listeners === undefined) return true;
    return (
      listeners.some((listener) => imports(listener, { host, namespace }, this.#scope.namespace)) ||
      this.routedHosts().has(host)
    );
  }

  /** With the ports alone that some listener of the Sidecar is for; a host that routes lead to has all. */
  #limited(service: MeshService): MeshService | undefined {
    const listeners = this.#scope.sidecar?.listeners;
    if (listeners === undefined || this.routedHosts().has(service.host)) return service;
    const known = this.#limitedServices.get(service);
    if (known !== undefined) return known;
    const { host, namespace } = service;
    const ports = service.ports.filter(
      ({ port }) => listenerFor(listeners, { host, namespace, port }, this.#scope.namespace) !== undefined,
    );
    if (ports.length === 0 && service.ports.length > 0) return undefined;
    const limited = ports.length === service.ports.length ? service : { ...service, ports };
    this.#limitedServices.set(service, limited);
    return limited;
  }

  /** As it is for clients that could reach none of its pods by their own addresses. */
  #headless(service: MeshService): MeshService {
    const { clusterId, network } = this.#scope;
    if (service.clusters.includes(clusterId)) return service;
    if (this.#mesh.endpoints.get(service.host)?.some((endpoint) => endpoint.network === network) === true) {
      return service;
    }
    const addressed = this.#asAddressed.get(service.host) ?? { ...service, kind: 'cluster-ip' };
    this.#asAddressed.set(service.host, addressed);
    return addressed;
  }

  /** Hosts that may be visible: all, or those of the namespaces that a Sidecar names. */
  #candidates(): Iterable<Hostname> {
    const { services } = this.#mesh;
    const listeners = this.#scope.sidecar?.listeners;
    const namespaces = listeners === undefined ? undefined : namespacesOf(listeners, this.#scope.namespace);
    if (namespaces === undefined) return services.keys();
    const { byNamespace } = servicePlaces(services);
    const named = [...namespaces].flatMap((namespace) => [...(byNamespace.get(namespace)?.keys() ?? [])]);
    return new Set([...named, ...this.routedHosts()]);
  }
}
