// The part of Istio's MeshConfig and MeshNetworks that Isthmus obeys, with Istio's defaults.

import type { ExtensionProvider } from './extension-provider.ts';
import type { GatewayTopology } from './gateway-topology.ts';
import type { ClusterId, Hostname, NetworkId } from './names.ts';
import type { LocalitySettings } from './policies/load-balancer.ts';
import type { SideMetrics } from './policies/telemetry-metrics.ts';
import type { TcpKeepalive } from './policies/destination-rule.ts';
import type { TraceTag } from './policies/telemetry.ts';
import type { RetryPolicy } from './policies/virtual-service.ts';

export interface MeshConfig {
  readonly trustDomain: string;
  readonly trustDomainAliases: readonly string[];
  /** DNS domain of services, e.g. `cluster.local`. */
  readonly domain: string;
  readonly systemNamespace: string;
  /** Namespace of mesh-wide configuration; the system namespace unless set. */
  readonly rootNamespace: string;
  readonly outboundTrafficPolicy: 'allow-any' | 'registry-only';
  readonly connectTimeoutMs: number;
  /** File that Envoy writes access logs to, e.g. `/dev/stdout`; empty: none. */
  readonly accessLogFile: string;
  /** Of lines in that file; absent: the product's own. */
  readonly accessLogFormat?: AccessLogFormat | undefined;
  /** Connections that no filter chain takes are logged nowhere. Absent: they are. */
  readonly disableListenerLog?: true | undefined;
  readonly traffic?: MeshTraffic | undefined;
  readonly enableAutoMtls: boolean;
  /** What is done to paths before rules look at them: `base` resolves `.` and `..`. */
  readonly pathNormalization: 'none' | 'base' | 'merge-slashes' | 'decode-and-merge-slashes';
  /** In front of gateways that say nothing of it themselves. Absent: nobody is trusted. */
  readonly gatewayTopology?: GatewayTopology | undefined;
  /** For hosts whose DestinationRule says nothing of it; absent: not declared. */
  readonly localityLb?: LocalitySettings | undefined;
  /** Where objects without an `exportTo` of their own are visible: `*`, `.` (their namespace), `~` (nowhere) or namespaces. Empty: everywhere. */
  readonly defaultExportTo: DefaultExportTo;
  /** Host patterns that stay inside their cluster (true) or not (false); the longest match wins over the built-in list. */
  readonly clusterLocalHosts: readonly { readonly host: Hostname; readonly clusterLocal: boolean }[];
  /** Names are distinct. */
  readonly extensionProviders: readonly ExtensionProvider[];
  /** Providers that hold where no Telemetry says otherwise. */
  readonly defaultProviders?:
    | {
        readonly accessLogging?: readonly string[] | undefined;
        readonly tracing?: readonly string[] | undefined;
        readonly metrics?: readonly string[] | undefined;
      }
    | undefined;
  /** Of a view: what holds for its workloads. Nobody declares it here. */
  readonly telemetry?: SideTelemetry | undefined;
}

/** With Envoy's command operators. */
export type AccessLogFormat =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'json'; readonly labels: Readonly<Record<string, string>> };

/** Where no DestinationRule or VirtualService says otherwise. What is absent is as without it. */
export interface MeshTraffic {
  readonly keepalive?: TcpKeepalive | undefined;
  /** Ports of HTTP/1 are spoken to in HTTP/2. */
  readonly upgradesToHttp2?: boolean | undefined;
  readonly retries?: RetryPolicy | undefined;
  /** Of names that clusters look up; absent: as long as answers hold. */
  readonly dnsRefreshMs?: number | undefined;
  /** Of the mesh's mutual TLS. */
  readonly minTls?: '1.2' | '1.3' | undefined;
}

/** What is logged and traced of the requests on one side of a workload. Providers are names of `extensionProviders`. */
export interface SideTelemetry {
  /** Absent: MeshConfig's `accessLogFile` holds. */
  readonly accessLogs?: readonly { readonly provider: string; readonly filter?: string | undefined }[] | undefined;
  readonly tracing?:
    | {
        readonly provider?: string | undefined;
        readonly disabled?: boolean | undefined;
        readonly samplingPercent?: number | undefined;
        readonly tags: Readonly<Record<string, TraceTag>>;
      }
    | undefined;
  /** Absent: nothing is counted beside what Envoy counts by itself. */
  readonly metrics?: SideMetrics | undefined;
}

export interface DefaultExportTo {
  /** Of Services and ServiceEntries. */
  readonly services: readonly string[];
  readonly virtualServices: readonly string[];
  readonly destinationRules: readonly string[];
}

/** One network of MeshNetworks. */
export interface MeshNetwork {
  readonly network: NetworkId;
  readonly fromRegistries: readonly ClusterId[];
  /** CIDR blocks. */
  readonly fromCidrs: readonly string[];
  readonly gateways: readonly MeshNetworkGateway[];
}

export type MeshNetworkGateway =
  | { readonly kind: 'address'; readonly address: string; readonly port: number }
  | { readonly kind: 'service'; readonly host: Hostname; readonly port: number };

export interface MeshNetworks {
  readonly networks: readonly MeshNetwork[];
}

/** Both, as one file or ConfigMap declares them. */
export interface MeshSettings {
  readonly config: MeshConfig;
  readonly meshNetworks: MeshNetworks;
}

export const defaultMeshConfig: MeshConfig = Object.freeze({
  trustDomain: 'cluster.local',
  trustDomainAliases: [],
  domain: 'cluster.local',
  systemNamespace: 'istio-system',
  rootNamespace: 'istio-system',
  outboundTrafficPolicy: 'allow-any',
  connectTimeoutMs: 10_000,
  accessLogFile: '',
  enableAutoMtls: true,
  pathNormalization: 'base',
  defaultExportTo: { services: [], virtualServices: [], destinationRules: [] },
  clusterLocalHosts: [],
  extensionProviders: [],
});

export const noMeshNetworks: MeshNetworks = Object.freeze({ networks: [] });
