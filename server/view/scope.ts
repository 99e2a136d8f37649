// What a proxy is, as far as it decides what the proxy is sent. A view is built from a scope and the mesh alone, and the
// view's key is the scope written out, so a key can't miss an input.

import type { GatewayTopology } from '../../discovery/model/gateway-topology.ts';
import type { Locality } from '../../discovery/model/locality.ts';
import type { SideTelemetry } from '../../discovery/model/mesh-config.ts';
import type { ClusterId, Hostname, NetworkId } from '../../discovery/model/names.ts';
import type { IngressEndpoint, MtlsMode } from '../../discovery/model/policy.ts';
import type { Protocol } from '../../discovery/model/service.ts';
import type { ProxyType } from '../proxy/proxy.ts';
import type { ScopedPatch } from './envoy-patches.ts';
import type { SecurityPolicies } from './security-policies.ts';
import type { EgressScope } from './sidecar-scope.ts';

/** Which IP families the workload has. Decides the wildcard addresses of its listeners. */
export type AddressFamilies = 'ipv4' | 'ipv6' | 'dual';

/** Inputs of everything that a proxy sends out through. All lists are sorted. */
export interface OutboundScope {
  readonly type: ProxyType;
  readonly clusterId: ClusterId;
  readonly network: NetworkId;
  readonly requestedNetworks: readonly NetworkId[];
  readonly namespace: string;
  readonly families: AddressFamilies;
  readonly istioFilters: boolean;
  readonly virtualHostDiscovery: boolean;
  /** Absent while no rule and no mesh setting asks where a client is. */
  readonly locality?: Locality;
  /** Routers: all labels, they select Gateways. Sidecars: only labels that some policy tells clients apart by. */
  readonly labels: readonly (readonly [name: string, value: string])[];
  /** Routers: the pod's port behind each port of the services that select it. Empty for sidecars. */
  readonly targetPorts: readonly (readonly [servicePort: number, targetPort: number])[];
  /** Routers: for what they receive. Empty for sidecars. */
  readonly security: SecurityPolicies;
  /** Routers: whom in front of them they believe. Absent: nobody. */
  readonly topology?: GatewayTopology;
  /** What a Sidecar lets it send out to. Absent: there is none, or it says nothing of it. */
  readonly sidecar?: EgressScope;
  /** Names are answered beside the workload, so that they may lead to addresses of the mesh's own. Absent: not. */
  readonly dnsCapture?: true;
  /** Of the requests that the workload makes. Absent: nothing is declared for it. */
  readonly telemetry?: SideTelemetry;
  /** What EnvoyFilters change of all this, in order. Absent: nothing. */
  readonly patches?: readonly ScopedPatch[];
}

/** Inputs of everything that a proxy receives through. No address and no label: replicas of a workload share it. */
export interface InboundScope {
  readonly type: ProxyType;
  readonly families: AddressFamilies;
  readonly istioFilters: boolean;
  /** Connections come as they are, not redirected (TPROXY). Absent: redirected. */
  readonly transparent?: true;
  /** By port, each once. Empty for routers. */
  readonly ports: readonly InboundPort[];
  /** For ports that no service has. */
  readonly defaultMode: MtlsMode;
  /** Of ports that no service has and that have a mode of their own, other than the default. Absent: none. */
  readonly otherModes?: readonly (readonly [port: number, mode: MtlsMode])[];
  /** Empty for routers. */
  readonly security: SecurityPolicies;
  /** Of the requests that the workload receives. Absent: nothing is declared for it. */
  readonly telemetry?: SideTelemetry;
  /** What EnvoyFilters change of all this, in order. Absent: nothing. */
  readonly patches?: readonly ScopedPatch[];
}

/** A port that a workload serves for some service. */
export interface InboundPort {
  /** The workload's own port. */
  readonly port: number;
  readonly protocol: Protocol;
  readonly mode: MtlsMode;
  readonly host: Hostname;
  readonly serviceName: string;
  readonly serviceNamespace: string;
  readonly servicePort: number;
  /** Of a Sidecar's listener: only connections to this address. */
  readonly bind?: string;
  /** Of a Sidecar's listener: callers connect to it directly. */
  readonly uncaptured?: true;
  /** Of a Sidecar's listener: where the application listens; absent: where the connection was going. */
  readonly endpoint?: IngressEndpoint;
}
