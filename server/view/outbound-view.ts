// What one class of proxies may send to: visible hosts, their virtual IPs, the policies that hold for them, and the
// addresses that reach their endpoints. In: a scope and a mesh snapshot. A generator sees nothing else.

import { isIPv6 } from 'node:net';
import { label } from '../../discovery/convert/well-known.ts';
import type { Endpoint } from '../../discovery/model/endpoint.ts';
import { unknownLocality } from '../../discovery/model/locality.ts';
import type { MeshConfig } from '../../discovery/model/mesh-config.ts';
import type { MeshSnapshot } from '../../discovery/model/mesh-snapshot.ts';
import { compareText } from '../../discovery/model/network-gateway.ts';
import type { Hostname } from '../../discovery/model/names.ts';
import type {
  DestinationRulePolicy,
  GatewayPolicy,
  LocalitySettings,
  VirtualServicePolicy,
} from '../../discovery/model/policy.ts';
import type { MeshService, ServicePort } from '../../discovery/model/service.ts';
import { preferenceOf, topologyLabel, type ClientPlace } from './client-preference.ts';
import { mtlsModesOf, turnsMtlsOff } from './mtls-mode.ts';
import type { Reach } from './endpoint-path.ts';
import { viewEndpoints, type NetworkView } from './network-view.ts';
import {
  findDestinationRule,
  findVirtualService,
  virtualServicesDeclaring,
  type Namespaces,
  seesVirtualService,
  type Sight,
} from './policy-lookup.ts';
import { routedHosts } from './routed-hosts.ts';
import type { OutboundScope } from './scope.ts';
import { serverHosts } from './server-hosts.ts';
import { virtualServicesCovering } from './virtual-services-covering.ts';
import { servicePlaces } from './service-places.ts';
import { imports, listenerFor, namespacesOf } from './sidecar-scope.ts';
import { isVisible, labelsMatch } from './visibility.ts';

/** Immutable; what is costly is looked up when it is first asked for. Building one costs next to nothing. */
export interface OutboundView {
  readonly scope: OutboundScope;
  readonly config: MeshConfig;
  /** Visible hosts, sorted. Also those that only a VirtualService has, for routers one of its Gateways. */
  hosts(): readonly Hostname[];
  /**
   * Undefined when there is no such host or this namespace may not see it. A headless service that is in other clusters only, with no
   * pod on this network, is like one with a virtual IP: nothing here could be sent to its pods themselves.
   */
  service(host: Hostname): MeshService | undefined;
  /** Where connections and requests go that are for no known host: a Sidecar says it, else MeshConfig. */
  readonly outboundTrafficPolicy: MeshConfig['outboundTrafficPolicy'];
  /** Hosts that routes lead to which a Sidecar lets the proxy follow; empty where no Sidecar limits it. */
  routedHosts(): ReadonlySet<Hostname>;
  /** False when a Sidecar keeps all of the host from the proxy: whatever becomes of it makes no difference. */
  contains(host: Hostname): boolean;
  /** Where a Sidecar has the listener of a port of the service; undefined: where it would be without a Sidecar. */
  ownListener(service: MeshService, port: number): OwnListener | undefined;
  /** Virtual IPs in the proxy's own cluster, else those that are allocated; empty for a headless service. */
  virtualAddresses(host: Hostname): readonly string[];
  /** Addresses of the endpoints that serve the port on the proxy's own network, ready or not, sorted: what a headless name leads to. */
  podAddresses(host: Hostname, port: ServicePort): readonly string[];
  /** Healthy endpoints of a host on the proxy's own network, in whatever cluster: what the name of a headless service says. */
  namedEndpoints(host: Hostname): readonly Endpoint[];
  /** The one host that `ADDRESS` stands for in routes of that port: of several with one virtual IP the oldest. */
  ownerOf(address: string, port: number): Hostname | undefined;
  /** For sidecars the one bound to `mesh`; `gateway` is `NAMESPACE/NAME` otherwise. */
  virtualService(host: Hostname, gateway?: string): VirtualServicePolicy | undefined;
  /** All that declare exactly this host and name the gateway, by precedence. */
  virtualServicesAt(host: Hostname, gateway: string): readonly VirtualServicePolicy[];
  /** All with a pattern that covers the host without being it, and that name the gateway, by precedence. */
  virtualServicesCovering(host: Hostname, gateway: string): readonly VirtualServicePolicy[];
  destinationRule(host: Hostname): DestinationRulePolicy | undefined;
  endpointsFor(host: Hostname, port: ServicePort, selection: EndpointSelection): NetworkView;
  /**
   * Who may answer for a host: SPIFFE ids of the workloads behind it in all clusters, sorted. One that ends in `/` stands for
   * every account of a namespace.
   */
  identities(host: Hostname): readonly string[];
  /** Whether every endpoint that serves the port accepts mesh mTLS, and there is one. */
  everyEndpointSpeaksMtls(host: Hostname, port: ServicePort): boolean;
  /** Gateways that select this router, by precedence. Empty for sidecars. */
  gateways(): readonly GatewayPolicy[];
}

export interface OwnListener {
  /** An IP address. */
  readonly bind: string;
  /** The application connects to it directly. */
  readonly bindToPort?: true;
}

/** Which endpoints of a host are meant. */
export interface EndpointSelection {
  /** Labels of the subset; empty selects all. */
  readonly labels: Readonly<Record<string, string>>;
  readonly reach: Reach;
  /** Absent: near and far ones alike. */
  readonly locality?: LocalitySettings | undefined;
}

export function buildOutboundView(scope: OutboundScope, mesh: MeshSnapshot): OutboundView {
  return new ScopedView(scope, mesh);
}

const noHosts: ReadonlySet<Hostname> = new Set();

class ScopedView implements OutboundView {
  readonly scope: OutboundScope;
  readonly #mesh: MeshSnapshot;
  readonly #config: MeshConfig;
  #hosts: readonly Hostname[] | undefined;
  /** Whether any workload may have it turned off: a mesh where none has is spared the look at each endpoint. */
  #mtlsIsTurnedOff: boolean | undefined;
  readonly #asAddressed = new Map<Hostname, MeshService>();
  #gateways: readonly GatewayPolicy[] | undefined;
  #routed: ReadonlySet<Hostname> | undefined;
  readonly #limitedServices = new Map<MeshService, MeshService>();

  constructor(scope: OutboundScope, mesh: MeshSnapshot) {
    this.scope = scope;
    this.#mesh = mesh;
    const { telemetry } = scope;
    this.#config = telemetry === undefined ? mesh.config : { ...mesh.config, telemetry };
  }

  get config(): MeshConfig {
    return this.#config;
  }

  hosts(): readonly Hostname[] {
    this.#hosts ??= this.#findHosts();
    return this.#hosts;
  }

  get outboundTrafficPolicy(): MeshConfig['outboundTrafficPolicy'] {
    return this.scope.sidecar?.outboundTrafficPolicy ?? this.config.outboundTrafficPolicy;
  }

  routedHosts(): ReadonlySet<Hostname> {
    if (this.scope.sidecar?.listeners === undefined) return noHosts;
    this.#routed ??= routedHosts(this.scope, this.#mesh, (policy) => {
      return policy.gateways.includes('mesh') && seesVirtualService(policy, this.#sight('mesh'));
    });
    return this.#routed;
  }

  contains(host: Hostname): boolean {
    if (this.scope.sidecar?.listeners === undefined) return true;
    return this.service(host) !== undefined || this.virtualServicesAt(host, 'mesh').length > 0;
  }

  ownListener(service: MeshService, port: number): OwnListener | undefined {
    const listeners = this.scope.sidecar?.listeners;
    if (listeners === undefined) return undefined;
    const { host, namespace } = service;
    const { bind, uncaptured = false } = listenerFor(listeners, { host, namespace, port }, this.scope.namespace) ?? {};
    if (bind === undefined && !uncaptured) return undefined;
    const loopback = this.scope.families === 'ipv6' ? '::1' : '127.0.0.1';
    return { bind: bind ?? loopback, ...(uncaptured ? { bindToPort: true as const } : {}) };
  }

  service(host: Hostname): MeshService | undefined {
    const declared = this.#mesh.services.get(host);
    if (declared === undefined) return undefined;
    const service = declared.others === undefined ? declared : this.#meant(declared, declared.others);
    if (!this.#sees(service)) return undefined;
    // A cluster-local service is another one in every cluster: that of a cluster which has none is not there.
    if (service.clusterLocal && !service.clusters.includes(this.scope.clusterId)) return undefined;
    return this.#limited(service.kind === 'headless' ? this.#headless(service) : service);
  }

  virtualAddresses(host: Hostname): readonly string[] {
    const service = this.service(host);
    if (service === undefined) return [];
    const own = service.addresses.get(service.entry === undefined ? this.scope.clusterId : this.#mesh.primary) ?? [];
    if (own.length > 0 || service.kind !== 'cluster-ip') return own;
    // Who asks another resolver gets the host's real addresses.
    if (service.entry !== undefined && this.scope.dnsCapture !== true) return own;
    const { families } = this.scope;
    return service.allocatedAddresses.filter((one) => families === 'dual' || isIPv6(one) === (families === 'ipv6'));
  }

  podAddresses(host: Hostname, port: ServicePort): readonly string[] {
    const { clusterId, network } = this.scope;
    const clusterLocal = this.service(host)?.clusterLocal ?? false;
    const serving = this.#endpointsOf(host).filter(
      (endpoint) =>
        endpoint.network === network &&
        endpoint.ports[port.name] !== undefined &&
        (!clusterLocal || endpoint.clusterId === clusterId),
    );
    return [...new Set(serving.map(({ address }) => address))].toSorted((a, b) => compareText(a, b));
  }

  namedEndpoints(host: Hostname): readonly Endpoint[] {
    const { clusterId, network } = this.scope;
    const clusterLocal = this.service(host)?.clusterLocal ?? false;
    return this.#endpointsOf(host).filter(
      (endpoint) =>
        endpoint.network === network &&
        endpoint.health === 'healthy' &&
        (!clusterLocal || endpoint.clusterId === clusterId),
    );
  }

  ownerOf(address: string, port: number): Hostname | undefined {
    let owner: MeshService | undefined;
    for (const host of servicePlaces(this.#mesh.services).byAddress.get(address)?.keys() ?? []) {
      const service = this.service(host);
      if (service?.ports.some((one) => one.port === port) !== true) continue;
      if (!this.virtualAddresses(host).includes(address)) continue;
      if (owner === undefined || compareAge(service, owner) < 0) owner = service;
    }
    return owner?.host;
  }

  virtualService(host: Hostname, gateway = 'mesh'): VirtualServicePolicy | undefined {
    return findVirtualService(this.#mesh.policies, host, gateway, {
      ...this.#namespaces(host),
      ...this.#sight(gateway),
    });
  }

  virtualServicesAt(host: Hostname, gateway: string): readonly VirtualServicePolicy[] {
    return virtualServicesDeclaring(this.#mesh.policies, host, { gateway, ...this.#sight(gateway) });
  }

  virtualServicesCovering(host: Hostname, gateway: string): readonly VirtualServicePolicy[] {
    return virtualServicesCovering(this.#mesh.policies, host, { gateway, ...this.#sight(gateway) });
  }

  destinationRule(host: Hostname): DestinationRulePolicy | undefined {
    return findDestinationRule(this.#mesh.policies, host, {
      ...this.#namespaces(host),
      labels: Object.fromEntries(this.scope.labels),
    });
  }

  endpointsFor(host: Hostname, port: ServicePort, selection: EndpointSelection): NetworkView {
    const { scope } = this;
    return viewEndpoints(
      {
        endpoints: this.#endpointsOf(host),
        portName: port.name,
        subsetLabels: selection.labels,
        clusterLocal: this.service(host)?.clusterLocal ?? false,
        preference: selection.locality === undefined ? undefined : preferenceOf(selection.locality, this.#place()),
      },
      {
        clusterId: scope.clusterId,
        network: scope.network,
        requestedNetworks: scope.requestedNetworks,
        gateways: this.#mesh.gateways,
        degradedClusters: this.#mesh.degradedClusters,
        reach: selection.reach,
        speaksMtls: (endpoint, targetPort) => this.#speaksMtls(endpoint, targetPort),
      },
    );
  }

  identities(host: Hostname): readonly string[] {
    const { trustDomain, trustDomainAliases } = this.config;
    const clusterLocal = this.service(host)?.clusterLocal ?? false;
    const accounts = new Set<string>();
    for (const { clusterId, tlsMode, workload } of this.#endpointsOf(host)) {
      if (tlsMode !== 'istio') continue;
      if (clusterLocal && clusterId !== this.scope.clusterId) continue;
      // A remote may be read without its pods: then the namespace is known, which is the same in all clusters, not the account.
      accounts.add(`ns/${workload.namespace}/sa/${workload.serviceAccount}`);
    }
    return [...new Set([trustDomain, ...trustDomainAliases])]
      .flatMap((domain) => [...accounts].map((account) => `spiffe://${domain}/${account}`))
      .toSorted((a, b) => compareText(a, b));
  }

  everyEndpointSpeaksMtls(host: Hostname, port: ServicePort): boolean {
    const serving = this.#endpointsOf(host).flatMap((endpoint) => {
      const targetPort = endpoint.ports[port.name];
      return targetPort === undefined ? [] : [this.#speaksMtls(endpoint, targetPort)];
    });
    return serving.length > 0 && serving.every(Boolean);
  }

  gateways(): readonly GatewayPolicy[] {
    if (this.scope.type !== 'router') return [];
    const labels = Object.fromEntries(this.scope.labels);
    this.#gateways ??= this.#mesh.policies.gateways.filter(({ selector }) => labelsMatch(selector, labels));
    return this.#gateways;
  }

  #place(): ClientPlace {
    const { clusterId, network, locality = unknownLocality, labels } = this.scope;
    const where = Object.values(label).flatMap((name) => {
      const value = topologyLabel(name, { clusterId, network, locality });
      return value === undefined ? [] : [[name, value] as const];
    });
    return { locality, labels: Object.fromEntries([...labels, ...where]) };
  }

  /** That of its own namespace before others that it sees. */
  #meant(oldest: MeshService, others: readonly MeshService[]): MeshService {
    const seen = [oldest, ...others].filter((service) => this.#sees(service));
    return seen.find(({ namespace }) => namespace === this.scope.namespace) ?? seen[0] ?? oldest;
  }

  #sees({ host, namespace, exportTo }: MeshService): boolean {
    const exported = exportTo.length === 0 ? this.config.defaultExportTo.services : exportTo;
    if (!isVisible(exported, namespace, this.scope.namespace)) return false;
    const listeners = this.scope.sidecar?.listeners;
    if (listeners === undefined) return true;
    return (
      listeners.some((listener) => imports(listener, { host, namespace }, this.scope.namespace)) ||
      this.routedHosts().has(host)
    );
  }

  /** With the ports alone that some listener of the Sidecar is for; a host that routes lead to has all. */
  #limited(service: MeshService): MeshService | undefined {
    const listeners = this.scope.sidecar?.listeners;
    if (listeners === undefined || this.routedHosts().has(service.host)) return service;
    const known = this.#limitedServices.get(service);
    if (known !== undefined) return known;
    const { host, namespace } = service;
    const ports = service.ports.filter(
      ({ port }) => listenerFor(listeners, { host, namespace, port }, this.scope.namespace) !== undefined,
    );
    if (ports.length === 0 && service.ports.length > 0) return undefined;
    const limited = ports.length === service.ports.length ? service : { ...service, ports };
    this.#limitedServices.set(service, limited);
    return limited;
  }

  /** Of a host that several namespaces declare, those of the one that is meant. */
  #endpointsOf(host: Hostname): readonly Endpoint[] {
    const endpoints = this.#mesh.endpoints.get(host) ?? [];
    const declared = this.#mesh.services.get(host);
    if (declared?.others === undefined) return endpoints;
    const meant = this.#meant(declared, declared.others).namespace;
    return endpoints.filter(({ workload }) => workload.namespace === meant);
  }

  /** Hosts that may be visible: all, or those of the namespaces that a Sidecar names. */
  #candidates(): Iterable<Hostname> {
    const { services } = this.#mesh;
    const listeners = this.scope.sidecar?.listeners;
    const namespaces = listeners === undefined ? undefined : namespacesOf(listeners, this.scope.namespace);
    if (namespaces === undefined) return services.keys();
    const { byNamespace } = servicePlaces(services);
    const named = [...namespaces].flatMap((namespace) => [...(byNamespace.get(namespace)?.keys() ?? [])]);
    return new Set([...named, ...this.routedHosts()]);
  }

  #sight(gateway: string): Sight & { readonly client: string } {
    const { namespace: client, sidecar } = this.scope;
    const { defaultExportTo } = this.config;
    const listeners = gateway === 'mesh' ? sidecar?.listeners : undefined;
    if (listeners === undefined) return { client, defaultExportTo };
    const isImported = ({ namespace, hosts }: VirtualServicePolicy): boolean =>
      listeners.some((listener) => hosts.some((host) => imports(listener, { namespace, host }, client)));
    return { client, defaultExportTo, imports: isImported };
  }

  #headless(service: MeshService): MeshService {
    const { clusterId, network } = this.scope;
    if (service.clusters.includes(clusterId)) return service;
    if (this.#mesh.endpoints.get(service.host)?.some((endpoint) => endpoint.network === network) === true) {
      return service;
    }
    const addressed = this.#asAddressed.get(service.host) ?? { ...service, kind: 'cluster-ip' };
    this.#asAddressed.set(service.host, addressed);
    return addressed;
  }

  #findHosts(): readonly Hostname[] {
    const { policies } = this.#mesh;
    const hosts = new Set([...this.#candidates()].filter((host) => this.service(host) !== undefined));
    const isRouter = this.scope.type === 'router';
    for (const host of serverHosts(this.gateways())) hosts.add(host);
    const names = isRouter ? this.gateways().map(({ namespace, name }) => `${namespace}/${name}`) : ['mesh'];
    const lists = names.length === 0 ? [] : [...policies.virtualServices.values(), policies.wildcardVirtualServices];
    for (const policy of lists.flat()) {
      if (!policy.gateways.some((gateway) => names.includes(gateway))) continue;
      // To sidecars a pattern is for the services that it covers.
      for (const host of policy.hosts) if (isRouter || !host.startsWith('*')) hosts.add(host);
    }
    return [...hosts].toSorted((a, b) => compareText(a, b));
  }

  // A workload whose PeerAuthentication turns mTLS off has a proxy, but one that takes plain text only.
  #speaksMtls({ tlsMode, workload, labels }: Endpoint, targetPort: number): boolean {
    if (tlsMode !== 'istio') return false;
    this.#mtlsIsTurnedOff ??= turnsMtlsOff(this.#mesh.policies.peerAuthentications);
    if (!this.#mtlsIsTurnedOff) return true;
    const { defaultMode, portModes } = mtlsModesOf({ namespace: workload.namespace, labels }, this.#mesh);
    return (portModes.get(targetPort) ?? defaultMode) !== 'disable';
  }

  #namespaces(host: Hostname): Namespaces {
    return {
      client: this.scope.namespace,
      service: (this.service(host) ?? this.#mesh.services.get(host))?.namespace ?? this.scope.namespace,
      root: this.config.rootNamespace,
      defaultExportTo: this.config.defaultExportTo,
    };
  }
}

function compareAge(a: MeshService, b: MeshService): number {
  return a.createdAtMs - b.createdAtMs || compareText(a.host, b.host);
}
