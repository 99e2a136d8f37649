// What one class of proxies may send to: visible hosts, their virtual IPs, the policies that hold for them, and the
// addresses that reach their endpoints. In: a scope and a mesh snapshot. A generator sees nothing else.

import type { Endpoint } from '../../discovery/model/endpoint.ts';
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
import { clientPlaceOf } from './client-place.ts';
import { preferenceOf } from './client-preference.ts';
import { clientSight } from './client-sight.ts';
import type { Reach } from './endpoint-path.ts';
import { viewEndpoints, type NetworkView } from './network-view.ts';
import { outboundHosts } from './outbound-hosts.ts';
import { ownListenerOf, type OwnListener } from './own-listener.ts';
import {
  findDestinationRule,
  findVirtualService,
  virtualServicesDeclaring,
  type Namespaces,
  type Sight,
} from './policy-lookup.ts';
import type { OutboundScope } from './scope.ts';
import { servicePlaces } from './service-places.ts';
import { speaksMtlsIn, type SpeaksMtls } from './speaks-mtls.ts';
import { virtualAddressesOf } from './virtual-addresses.ts';
import { virtualServicesCovering } from './virtual-services-covering.ts';
import { labelsMatch } from './visibility.ts';
import { VisibleServices } from './visible-services.ts';
import { identitiesOf } from './workload-identities.ts';

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
class ScopedView implements OutboundView {
  readonly scope: OutboundScope;
  readonly config: MeshConfig;
  readonly #mesh: MeshSnapshot;
  readonly #services: VisibleServices;
  readonly #speaksMtls: SpeaksMtls;
  #hosts: readonly Hostname[] | undefined;
  #gateways: readonly GatewayPolicy[] | undefined;

  constructor(scope: OutboundScope, mesh: MeshSnapshot) {
    this.scope = scope;
    this.#mesh = mesh;
    const { telemetry } = scope;
    this.config = telemetry === undefined ? mesh.config : { ...mesh.config, telemetry };
    this.#services = new VisibleServices(scope, mesh);
    this.#speaksMtls = speaksMtlsIn(mesh);
  }

  hosts(): readonly Hostname[] {
    this.#hosts ??= outboundHosts({
      services: this.#services.hosts(),
      gateways: this.scope.type === 'router' ? this.gateways() : undefined,
      policies: this.#mesh.policies,
    });
    return this.#hosts;
  }

  get outboundTrafficPolicy(): MeshConfig['outboundTrafficPolicy'] {
    return this.scope.sidecar?.outboundTrafficPolicy ?? this.config.outboundTrafficPolicy;
  }

  routedHosts(): ReadonlySet<Hostname> {
    return this.#services.routedHosts();
  }

  contains(host: Hostname): boolean {
    if (this.scope.sidecar?.listeners === undefined) return true;
    return this.service(host) !== undefined || this.virtualServicesAt(host, 'mesh').length > 0;
  }

  ownListener(service: MeshService, port: number): OwnListener | undefined {
    return ownListenerOf(this.scope, service, port);
  }

  service(host: Hostname): MeshService | undefined {
    return this.#services.get(host);
  }

  virtualAddresses(host: Hostname): readonly string[] {
    const service = this.service(host);
    return service === undefined ? [] : virtualAddressesOf(service, this.scope, this.#mesh.primary);
  }

  podAddresses(host: Hostname, port: ServicePort): readonly string[] {
    const serving = this.#nativeEndpoints(host).filter(({ ports }) => ports[port.name] !== undefined);
    return [...new Set(serving.map(({ address }) => address))].toSorted((a, b) => compareText(a, b));
  }

  namedEndpoints(host: Hostname): readonly Endpoint[] {
    return this.#nativeEndpoints(host).filter(({ health }) => health === 'healthy');
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
        endpoints: this.#services.endpointsOf(host),
        portName: port.name,
        subsetLabels: selection.labels,
        clusterLocal: this.#isClusterLocal(host),
        preference:
          selection.locality === undefined ? undefined : preferenceOf(selection.locality, clientPlaceOf(scope)),
      },
      {
        clusterId: scope.clusterId,
        network: scope.network,
        requestedNetworks: scope.requestedNetworks,
        gateways: this.#mesh.gateways,
        degradedClusters: this.#mesh.degradedClusters,
        reach: selection.reach,
        speaksMtls: this.#speaksMtls,
      },
    );
  }

  identities(host: Hostname): readonly string[] {
    return identitiesOf(this.#usableEndpoints(host), this.config);
  }

  everyEndpointSpeaksMtls(host: Hostname, port: ServicePort): boolean {
    const serving = this.#services.endpointsOf(host).flatMap((endpoint) => {
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

  #isClusterLocal(host: Hostname): boolean {
    return this.service(host)?.clusterLocal ?? false;
  }

  /** Without those of other clusters where the host is each cluster's own. */
  #usableEndpoints(host: Hostname): readonly Endpoint[] {
    const endpoints = this.#services.endpointsOf(host);
    if (!this.#isClusterLocal(host)) return endpoints;
    return endpoints.filter(({ clusterId }) => clusterId === this.scope.clusterId);
  }

  /** On the proxy's own network. */
  #nativeEndpoints(host: Hostname): readonly Endpoint[] {
    return this.#usableEndpoints(host).filter(({ network }) => network === this.scope.network);
  }

  #sight(gateway: string): Sight & { readonly client: string } {
    return clientSight(this.scope, this.config.defaultExportTo, gateway);
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
