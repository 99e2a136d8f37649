// Everything that an injection depends on besides the pod: frozen, made anew when a ConfigMap changes.

import type { DataPlane } from './annotation-rules.ts';
import type { InjectionPolicy } from './decide-injection.ts';
import type { Mapping } from './json-value.ts';

/** What an instance knows of itself. */
export interface InstanceFacts {
  /** `default` when it has none. */
  readonly revision: string;
  readonly systemNamespace: string;
  readonly clusterId: string;
  /** Empty: none. */
  readonly network: string;
  readonly trustDomain: string;
  /** DNS domain of services. */
  readonly domain: string;
  /** Whether a container that is started before the others and stays can be one: Kubernetes 1.29 and newer. */
  readonly canBeNative: boolean;
}

/** Where traffic is redirected: by an init container of the pod, or by something else on the node. */
export type Interception = 'init' | 'none';

export interface ImageSettings {
  readonly hub: string;
  readonly tag: string;
  /** A name below the hub, or a whole image when it has a slash. */
  readonly proxy: string;
  readonly proxyInit: string;
  /** Of a stock Envoy with the agent: always a whole image. */
  readonly agent: string;
  /** Empty: Kubernetes decides by the tag. */
  readonly pullPolicy: string;
  readonly pullSecrets: readonly string[];
}

/** Defaults of what annotations say. */
export interface TrafficSettings {
  readonly includeInboundPorts: string;
  readonly excludeInboundPorts: string;
  readonly includeOutboundPorts: string;
  readonly excludeOutboundPorts: string;
  readonly includeIpRanges: string;
  readonly excludeIpRanges: string;
}

export interface ProbeSettings {
  /** 0: the proxy has no status port, no readiness probe, and probes stay as they are. */
  readonly statusPort: number;
  readonly initialDelaySeconds: number;
  readonly periodSeconds: number;
  readonly failureThreshold: number;
  readonly startupEnabled: boolean;
  readonly startupFailureThreshold: number;
  /** Probes of the application go through the proxy's agent. */
  readonly rewrite: boolean;
}

export interface InjectionSettings extends InjectionPolicy, InstanceFacts {
  readonly meshId: string;
  readonly dataPlane: DataPlane;
  readonly images: ImageSettings;
  readonly interception: Interception;
  /** The proxy as an init container that stays, where Kubernetes can. */
  readonly nativeSidecars: boolean;
  readonly holdApplication: boolean;
  readonly traffic: TrafficSettings;
  readonly probes: ProbeSettings;
  readonly logLevel: string;
  readonly componentLogLevel: string;
  readonly agentLogLevel: string;
  readonly logAsJson: boolean;
  /** Container fields `resources` and `lifecycle`, `securityContext.seccompProfile`. */
  readonly resources: Mapping;
  readonly initResources: Mapping;
  readonly lifecycle: Mapping;
  readonly seccompProfile: Mapping;
  /** Group of the pod's volumes, for clusters whose tokens are readable by a group only; undefined: as the pod has it. */
  readonly fsGroup: number | undefined;
  readonly mergePrometheus: boolean;
  /** ProxyConfig of the mesh. */
  readonly proxyConfig: Mapping;
  readonly defaultTemplates: readonly string[];
  /** Partial pods that are merged over what the built-in templates make, by name. */
  readonly templates: ReadonlyMap<string, Mapping>;
  readonly aliases: ReadonlyMap<string, readonly string[]>;
  readonly injectedAnnotations: Readonly<Record<string, string>>;
}

/** Templates that are made by code. */
export const builtInTemplates: readonly string[] = ['sidecar', 'gateway'];
